/** knex on PGlite: knex's own Postgres dialect with another way to send a query, over one single connection. */
import type { PGlite, Results } from '@electric-sql/pglite'
import knexModule, { type Knex } from 'knex'
import { quietKnex, type Result } from './connection.ts'

/** A query outside the transaction it belongs to would wait for ever; this makes it an error. */
const LANE_TIMEOUT_MS = 10_000

interface KnexQuery {
  sql: string
  bindings?: unknown[]
  method?: string
  response?: unknown
}

/** knex's Postgres dialect, got from knex itself: its file path is no part of the public interface. */
const PostgresDialect = knexModule({ client: 'pg' }).client.constructor as new (
  config: Knex.Config,
) => Knex.Client

/** What `pg` reports as the command of a result and knex reads it for; PGlite does not report it. */
const COMMANDS: Record<string, string> = {
  select: 'SELECT',
  first: 'SELECT',
  pluck: 'SELECT',
  update: 'UPDATE',
  counter: 'UPDATE',
  del: 'DELETE',
  insert: 'INSERT',
}

/** A knex over `db` whose pool holds exactly one connection: the one session PGlite has. */
export function knexOnPglite(db: PGlite): Knex {
  class PgliteDialect extends PostgresDialect {
    _driver() {
      return {}
    }
    override async acquireRawConnection() {
      return { db }
    }
    override async destroyRawConnection() {}
    async checkVersion() {
      return ''
    }
    async _query(_connection: unknown, query: KnexQuery) {
      if (!query.sql) throw new Error('the query is empty')
      const { rows, rowCount } = await run(db, query.sql, query.bindings ?? [])
      query.response = { command: COMMANDS[query.method ?? ''] ?? '', rows, rowCount }
      return query
    }
  }
  return knexModule({
    client: PgliteDialect as unknown as typeof Knex.Client,
    connection: {},
    pool: { min: 1, max: 1 },
    acquireConnectionTimeout: LANE_TIMEOUT_MS,
    ...quietKnex,
  })
}

/** Sends one query; without values it may hold several statements, as with `pg`. */
export async function run<Row>(db: PGlite, text: string, values: unknown[]): Promise<Result<Row>> {
  const result =
    values.length > 0
      ? await db.query<Row>(text, values)
      : ((await db.exec(text)).at(-1) as Results<Row> | undefined)
  const rows = result?.rows ?? []
  return { rows, rowCount: result?.affectedRows || rows.length }
}
