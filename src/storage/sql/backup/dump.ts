/** Rows as text, from one snapshot of the database, a bounded number at a time. */
import type { Knex } from 'knex'
import type { TableDump } from '../../backup/format.ts'
import type { KeptKey } from '../../backup/keys-file.ts'
import { KEPT, type KeptTable } from './tables.ts'

const BATCH = 2000
/** UTC whatever the server's time zone; the rest is how Postgres writes text by default. */
const AS_TEXT = `set local timezone = 'UTC'; set local datestyle = 'ISO, YMD'; set local intervalstyle = 'postgres';
  set local bytea_output = 'hex'; set local extra_float_digits = 1`

export interface Column {
  name: string
  type: string
}

/** In a transaction: from here on text is written in one way. */
export async function writeAsText(trx: Knex.Transaction): Promise<void> {
  await trx.raw(AS_TEXT)
}

/** Every table that is kept and is there, in order. */
export async function* dumpTables(trx: Knex.Transaction): AsyncGenerator<TableDump> {
  for (const table of KEPT) {
    const columns = await columnsOf(trx, table.name)
    if (columns.length === 0) continue
    const names = columns.map(({ name }) => name)
    yield { table: table.name, columns: names, batches: rowsOf(trx, table, names) }
  }
}

/** Of a table; none: there is no such table. What the database computes by itself is not among them. */
export async function columnsOf(knex: Knex, table: string): Promise<Column[]> {
  const { rows } = await knex.raw<{ rows: Column[] }>(
    `select attname::text as name, format_type(atttypid, atttypmod) as type from pg_attribute
    where attrelid = to_regclass(?) and attnum > 0 and not attisdropped and attgenerated = '' order by attnum`,
    [table],
  )
  return rows
}

async function* rowsOf(
  trx: Knex.Transaction,
  { name, only = 'true' }: KeptTable,
  columns: readonly string[],
): AsyncGenerator<string[]> {
  const texts = columns.map((column) => `"${column}"::text`).join(', ')
  await trx.raw(
    `declare kept no scroll cursor for select json_build_array(${texts})::text as line from ${name} where ${only}`,
  )
  for (;;) {
    const { rows } = await trx.raw<{ rows: { line: string }[] }>(`fetch ${BATCH} from kept`)
    if (rows.length === 0) break
    yield rows.map(({ line }) => line)
  }
  await trx.raw('close kept')
}

export async function dumpKeys(trx: Knex.Transaction): Promise<KeptKey[]> {
  const { rows } = await trx.raw<{ rows: KeptKey[] }>(
    `select version, kek_id as "kekId", encode(wrapped, 'base64') as wrapped,
      to_json(created_at) #>> '{}' as "createdAt", to_json(activate_at) #>> '{}' as "activateAt"
    from data_keys order by version`,
  )
  return rows.map((key) => ({ ...key, wrapped: key.wrapped.replaceAll('\n', '') }))
}
