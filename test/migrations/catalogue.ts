/** What a database says about itself, in a form that can be compared between engines and versions of Postgres. */
import type { SqlConnection } from '../../src/storage/sql/connection.ts'

const OURS = "n.nspname = 'public' and c.relname not like 'knex_migrations%'"

export interface Catalogue {
  columns: string[]
  indexes: string[]
  constraints: string[]
  triggers: string[]
}

export async function tablesOf(connection: SqlConnection): Promise<string[]> {
  return lines(
    connection,
    `select c.relname as line from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.relkind = 'r' and ${OURS} order by 1`,
  )
}

export async function catalogueOf(connection: SqlConnection): Promise<Catalogue> {
  return {
    columns: await lines(
      connection,
      `
      select concat_ws(' ', c.relname, c.relpersistence, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' end, nullif(a.attidentity::text, ''), pg_get_expr(d.adbin, d.adrelid)) as line
      from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
      left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
      where c.relkind = 'r' and a.attnum > 0 and not a.attisdropped and ${OURS} order by c.relname, a.attnum`,
    ),
    indexes: await lines(
      connection,
      `
      select pg_get_indexdef(i.indexrelid) as line
      from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
      where ${OURS} order by 1`,
    ),
    // Postgres 18 lists NOT NULL as a constraint, too; the columns have told it already.
    constraints: await lines(
      connection,
      `
      select concat_ws(' ', c.relname, k.conname, pg_get_constraintdef(k.oid)) as line
      from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
      where k.contype <> 'n' and ${OURS} order by 1`,
    ),
    triggers: await lines(
      connection,
      `
      select pg_get_triggerdef(t.oid) as line
      from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace
      where not t.tgisinternal and ${OURS} order by 1`,
    ),
  }
}

/** Sorted here: engines differ in their collation. */
async function lines(connection: SqlConnection, text: string): Promise<string[]> {
  const { rows } = await connection.query<{ line: string }>({
    name: `catalogue ${text.length}`,
    text,
    values: [],
  })
  return rows.map(({ line }) => line).sort()
}
