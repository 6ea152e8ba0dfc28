/** What can be told about a database without touching its schema, whatever that is. Reads only. */
import type { SqlConnection } from './connection.ts'
import { migrationSource } from './migrate.ts'

export interface DatabaseFacts {
  /** of Postgres, the number before the dot */
  version: number
  latencyMs: number
  /** how far this process' clock is ahead */
  skewMs: number
  encoding: string
  mayCreate: boolean
  connections: { used: number; most: number }
  /** migrations of this version that have not run */
  pending: string[]
  /** that have run, and are of another version */
  unknown: string[]
}

interface Row {
  version: number
  now: number
  encoding: string
  mayCreate: boolean
  used: number
  most: number
  migrated: boolean
}

export async function inspectDatabase({ knex }: SqlConnection): Promise<DatabaseFacts> {
  // The first question also opens the connection.
  await knex.raw('select 1')
  const began = performance.now()
  await knex.raw('select 1')
  const latencyMs = Math.round(performance.now() - began)
  const asked = Date.now()
  const { rows } = (await knex.raw(
    `select current_setting('server_version_num')::int / 10000 as version,
            (extract(epoch from clock_timestamp()) * 1000)::float8 as now,
            current_setting('server_encoding') as encoding,
            has_schema_privilege(current_schema(), 'create') as "mayCreate",
            (select count(*) from pg_stat_activity)::int as used,
            current_setting('max_connections')::int as most,
            to_regclass('knex_migrations') is not null as migrated`,
  )) as { rows: Row[] }
  const answered = Date.now()
  const [row] = rows
  if (!row) throw new Error('the database answered nothing')
  const known = await migrationSource.getMigrations([])
  const applied = row.migrated ? await knex('knex_migrations').pluck<string[]>('name') : []
  return {
    version: row.version,
    latencyMs,
    skewMs: row.now < asked ? asked - row.now : row.now > answered ? answered - row.now : 0,
    encoding: row.encoding,
    mayCreate: row.mayCreate,
    connections: { used: row.used, most: row.most },
    pending: known.filter((name) => !applied.includes(name)),
    unknown: applied.filter((name) => !known.includes(name)),
  }
}
