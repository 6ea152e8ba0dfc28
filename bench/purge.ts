/**
 * What deleting expired rows costs (`node bench/purge.ts [--rows N]`): time, pages read and plan of one batch, on a table
 * as the product has it, by how the rows lie and by the index on `expires_at`. "Filled again" is what a deployment ends
 * in: every page has been emptied and is in use a second time.
 */
import { parseArgs } from 'node:util'
import pg from 'pg'
import { connectPostgres } from '../src/storage/sql/connect-postgres.ts'
import { migrateUp } from '../src/storage/sql/migrate.ts'
import { purgeSql } from '../src/storage/sql/purge.ts'
import { findPostgres } from '../test/support/binaries.ts'
import { startPostgres } from '../test/support/services.ts'

const TABLE = 'oidc_access_tokens'
const INDEX = `${TABLE}_purge`
const BATCH = 10_000
const INDEXES = {
  'brin, 128 pages': `create index ${INDEX} on ${TABLE} using brin (expires_at)`,
  'brin, 32 pages': `create index ${INDEX} on ${TABLE} using brin (expires_at) with (pages_per_range = 32)`,
  btree: `create index ${INDEX} on ${TABLE} (expires_at)`,
}
type IndexName = keyof typeof INDEXES
/** Seconds until the n-th row expires. */
const LAYOUTS = {
  // one lifetime for all: they expire in the order they were written
  'in order': 'n::float8 / $1::float8 * 3600 + 60',
  // minutes to months side by side
  mixed: '60 + 7776000 * random() ^ 4',
}
type Layout = keyof typeof LAYOUTS

const { values } = parseArgs({ options: { rows: { type: 'string', default: '1000000' } } })
const count = Math.min(Math.max(Number(values.rows) || 0, 1_000), 5_000_000)
if (!findPostgres()) throw new Error('no PostgreSQL server found; "npm test" installs it or says how')
// Vacuum comes when it is called, so that one run is like another.
const service = await startPostgres({ shared_buffers: '512MB', max_wal_size: '4GB', autovacuum: 'off' })
try {
  await prepare(service.url)
  const client = new pg.Client({ connectionString: service.url })
  await client.connect()
  const { rows } = await client.query('show server_version')
  console.log(`${count} rows, PostgreSQL ${rows[0].server_version.split(' ')[0]}\n`)
  for (const layout of Object.keys(LAYOUTS) as Layout[])
    for (const index of Object.keys(INDEXES) as IndexName[]) await measure(client, layout, index)
  await client.end()
} finally {
  await service.stop()
}

async function prepare(url: string): Promise<void> {
  const connection = connectPostgres({ url, poolSize: 2, onError: () => {} })
  await migrateUp(connection)
  await connection.close()
}

async function measure(client: pg.Client, layout: Layout, index: IndexName): Promise<void> {
  await client.query(`truncate ${TABLE}`)
  await client.query(`drop index if exists ${TABLE}_expires_at, ${INDEX}`)
  await client.query(INDEXES[index])
  const seconds = await fill(client, layout)
  console.log(`${layout}, ${index}: ${((seconds / count) * 1e6).toFixed(1)} us a row to insert`)
  await show(client, 'nothing has expired', 0)
  await show(client, 'one in 1000 has', 0.001)
  await show(client, 'one in 20 has', 0.05)
  console.log(`  all have: ${(await empty(client)).toFixed(1)} us a row in batches of ${BATCH}`)
  await client.query(`vacuum analyze ${TABLE}`)
  await fill(client, layout)
  await show(client, 'filled again, nothing has expired', 0)
  await show(client, 'filled again, one in 1000 has', 0.001)
  await show(client, 'filled again, one in 20 has', 0.05)
  const { rows } = await client.query('select pg_relation_size($1) as size', [INDEX])
  console.log(`  index: ${(Number(rows[0].size) / 1e6).toFixed(2)} MB\n`)
}

/** @returns seconds it took */
async function fill(client: pg.Client, layout: Layout): Promise<number> {
  const started = performance.now()
  await client.query(
    `insert into ${TABLE} (id, payload, expires_at, account_id, client_id)
     select sha256(convert_to(random()::text || n, 'UTF8')), jsonb_build_object('filler', repeat(md5(n::text), 15)),
       now() + make_interval(secs => ${LAYOUTS[layout]}), 'usr_' || n % 1000, 'web'
     from generate_series(1, $1::int) n`,
    [count],
  )
  const seconds = (performance.now() - started) / 1000
  await client.query(`vacuum analyze ${TABLE}`)
  return seconds
}

/** One batch as the product deletes it, taken back, when the given share of the rows has expired. */
async function show(client: pg.Client, what: string, share: number): Promise<void> {
  const sql = purgeSql(TABLE)
    .replace('now()', await when(client, share))
    .replace('$1::int', String(BATCH))
  await client.query('begin')
  const { rows } = await client.query(`explain (analyze, buffers, format json) ${sql}`)
  await client.query('rollback')
  const [{ Plan: plan, 'Execution Time': ms }] = rows[0]['QUERY PLAN']
  const find = plan.Plans.find((it: Record<string, unknown>) => it['Parent Relationship'] === 'InitPlan')
  const pages = find['Shared Hit Blocks'] + find['Shared Read Blocks']
  const scans = JSON.stringify(find).includes('Seq Scan') ? ', scans the table' : ''
  const deleted = find.Plans?.[0]?.['Actual Rows'] ?? 0
  console.log(
    `  ${what.padEnd(34)} ${ms.toFixed(1).padStart(7)} ms, ${find['Actual Total Time'].toFixed(1)} of them to find ${deleted} rows in ${pages} pages${scans}`,
  )
}

/** @returns microseconds a row */
async function empty(client: pg.Client): Promise<number> {
  const sql = purgeSql(TABLE).replace('now()', await when(client, 1))
  const started = performance.now()
  let rows = 0
  for (let deleted = -1; deleted !== 0; rows += deleted)
    deleted = (await client.query(sql, [BATCH])).rowCount ?? 0
  return ((performance.now() - started) / rows) * 1000
}

/** The moment at which so many of the rows have expired, as a literal: the rows stay, the clock is moved. */
async function when(client: pg.Client, share: number): Promise<string> {
  if (share === 0) return 'now()'
  const { rows } = await client.query(
    `select (percentile_disc($1) within group (order by expires_at))::text as moment from ${TABLE}`,
    [share],
  )
  return `timestamptz '${rows[0].moment}'`
}
