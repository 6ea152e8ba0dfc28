/**
 * What a backup and its restore cost (`node bench/backup.ts [--people N]`): seconds, size, and the most memory the process
 * took, with one password, two consents and five audit records for each person.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { DataKeys } from '../src/crypto/data-keys.ts'
import { Keyring } from '../src/crypto/keyring.ts'
import { readKeysFile } from '../src/storage/backup/keys-file.ts'
import { Backups } from '../src/storage/sql/backup/backups.ts'
import { connectPostgres } from '../src/storage/sql/connect-postgres.ts'
import { migrateUp } from '../src/storage/sql/migrate.ts'
import { SqlDataKeys } from '../src/storage/sql/repositories/data-keys.ts'
import { findPostgres } from '../test/support/binaries.ts'
import { startPostgres } from '../test/support/services.ts'

const PEOPLE = [
  `insert into clients (id, metadata, source) select 'app-' || n, '{}', 'configuration' from generate_series(0, 99) n`,
  `insert into users (id, email, email_key, email_verified, name) select 'usr_' || md5(n::text), n || '@example.org',
    n || '@example.org', true, 'Person number ' || n from generate_series(1, $1::int) n`,
  `insert into passwords (user_id, phc) select 'usr_' || md5(n::text), '$argon2id$v=19$m=65536,t=3,p=1,keyid=AAAAAAAA$'
    || md5(n::text) || '$' || md5(n::text) || md5((n + 1)::text) from generate_series(1, $1::int) n`,
  `insert into consents (user_id, client_id, scopes) select 'usr_' || md5(n::text), 'app-' || (n + k) % 100,
    '{openid,email,profile}' from generate_series(1, $1::int) n, generate_series(0, 1) k`,
  `insert into audit_events (name, outcome, user_id, ip, user_agent, stamp, mark, detail)
    select 'user.signed_in', 'success', 'usr_' || md5(n::text), '192.0.2.1', repeat('Mozilla ', 10),
      md5(n || '.' || k), md5(k || '.' || n), '{"method":"password"}'
    from generate_series(1, $1::int) n, generate_series(1, 5) k`,
]

const { values } = parseArgs({ options: { people: { type: 'string', default: '100000' } } })
const people = Math.min(Math.max(Number(values.people) || 0, 1_000), 1_000_000)
if (!findPostgres()) throw new Error('no PostgreSQL server found; "npm test" installs it or says how')
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
const folder = mkdtempSync(join(tmpdir(), 'ostiary-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
const service = await startPostgres({ shared_buffers: '256MB', max_wal_size: '4GB' })
try {
  await run(service.url)
} finally {
  await service.stop()
}

async function run(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  // A name that no running Ostiary has: a restore is refused beside one.
  const connection = connectPostgres({ url: `${url}?application_name=bench`, poolSize: 2, onError: () => {} })
  await migrateUp(connection)
  const keyring = new Keyring()
  await new DataKeys(new SqlDataKeys(connection.knex, keyring), keyring, { current: randomBytes(32) }).open()
  for (const statement of PEOPLE) await client.query(statement, statement.includes('$1') ? [people] : [])
  await client.end()
  const [file, keysFile] = [join(folder, 'one.backup'), join(folder, 'one.keys')]
  const backups = new Backups(connection, keyring)
  const saved = await timed(() => backups.save(file, { version: 'bench', keysFile }))
  const rows = saved.result.tables.reduce((sum, table) => sum + table.rows, 0)
  const size = (statSync(file).size / 1e6).toFixed(1)
  console.log(`${people} people, ${rows} rows`)
  console.log(`backup, and read again  ${saved.seconds} s, ${size} MB`)
  const keys = await readKeysFile(keysFile)
  const restored = await timed(() =>
    backups.restore(file, { keys, replace: true, revive: false, revoked: [] }),
  )
  console.log(`read, restored          ${restored.seconds} s`)
  console.log(`memory at most          ${Math.round(process.resourceUsage().maxRSS / 1024)} MB`)
  await connection.close()
}

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; seconds: string }> {
  const started = performance.now()
  const result = await work()
  return { result, seconds: ((performance.now() - started) / 1000).toFixed(1) }
}
