/** For people who use the knex command: `DATABASE_URL=… npx knex migrate:status`. Ostiary itself does not read it. */
import type { Knex } from 'knex'
import { migrationSource } from './src/storage/sql/migrate.ts'

const url = process.env.DATABASE_URL
if (!url) throw new Error('Set DATABASE_URL to the Postgres database the knex command shall work on.')

export default {
  client: 'pg',
  connection: url,
  pool: { min: 0, max: 1 },
  migrations: { migrationSource },
} satisfies Knex.Config
