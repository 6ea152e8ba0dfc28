/** Another process that has a data directory open until it is killed. */
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { migrateUp } from '../../src/storage/sql/migrate.ts'
import { storesOn } from '../support/backends.ts'

const connection = await connectPglite({ dataDir: process.argv[2] })
await migrateUp(connection)
await storesOn(connection).database.settings.put('written by', process.pid)
process.stdout.write('open\n')
setInterval(() => {}, 1_000)
