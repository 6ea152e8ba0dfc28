import type { Knex } from 'knex'
import type { PageOf, PageQuery, Position } from '../../../domain/directory/directory.ts'

/** What a list is ordered by: an expression that has an index with the id behind it. */
export interface Ordering {
  /** SQL, no input */
  by: string
  /** a cast that `by` is compared as, and the text it is written as in a position */
  type: 'text' | 'timestamptz' | 'bigint'
  descending?: boolean
}

/** One row more than asked for says whether there is another page. */
export function inPages(
  query: Knex.QueryBuilder,
  { by, type, descending }: Ordering,
  page: PageQuery,
  id = 'id',
) {
  const [than, direction] = descending ? ['<', 'desc'] : ['>', 'asc']
  if (page.after)
    query.whereRaw(`(${by}, ${id}) ${than} (cast(? as ${type})${type === 'text' ? ' collate "C"' : ''}, ?)`, [
      page.after.key,
      page.after.id,
    ])
  return query.orderByRaw(`${by} ${direction}, ${id} ${direction}`).limit(page.limit + 1)
}

export function pageOf<Row, Item>(
  rows: readonly Row[],
  { limit }: PageQuery,
  itemOf: (row: Row) => Item,
  positionOf: (row: Row) => Position,
): PageOf<Item> {
  const shown = rows.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown.map(itemOf),
    next: rows.length > limit && last !== undefined ? positionOf(last) : undefined,
  }
}

/** Text that LIKE takes for what something begins with. */
export function beginsWith(text: string): string {
  return `${text.replace(/[\\%_]/g, '\\$&')}%`
}
