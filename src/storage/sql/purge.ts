/** Deleting what is over, a batch at a time: short locks, and never a table read from end to end for a few rows. */
import type { SqlConnection } from './connection.ts'

export const EXPIRED = 'expires_at <= now()'

/** Skips rows somebody else is working on; ctid spares the second look-up of each id. */
export function purgeSql(table: string, isOver = EXPIRED): string {
  return `delete from ${table} where ctid = any (array(
    select ctid from ${table} where ${isOver} limit $1::int for update skip locked))`
}

/** Deletes up to `batchSize` rows of each table; returns how many went. */
export async function purge(
  connection: SqlConnection,
  tables: readonly (readonly [table: string, isOver: string])[],
  batchSize: number,
): Promise<number> {
  let purged = 0
  for (const [table, isOver] of tables) {
    const statement = { name: `purge.${table}`, text: purgeSql(table, isOver), values: [batchSize] }
    purged += (await connection.query(statement)).rowCount
  }
  return purged
}
