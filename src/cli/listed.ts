/** Lists that the stores give by the page, as `--limit` asks for them. */
import type { PageOf, PageQuery } from '../domain/directory/directory.ts'
import { wholeNumber } from './leaf.ts'

const PAGE = 200

/** For `command.option(...LIMIT)`. */
export const LIMIT = ['--limit <n>', 'at most so many; 0: all', wholeNumber(0), 50] as const

export interface Listed<Item> {
  items: Item[]
  /** whether there are more than were asked for */
  more: boolean
}

/** @param limit 0: all */
export async function listed<Item>(
  limit: number,
  read: (page: PageQuery) => Promise<PageOf<Item>>,
): Promise<Listed<Item>> {
  const most = limit === 0 ? Number.POSITIVE_INFINITY : limit
  const items: Item[] = []
  let after: PageQuery['after']
  do {
    const page = await read({ after, limit: Math.min(PAGE, most - items.length) })
    items.push(...page.items)
    after = page.next
  } while (after !== undefined && items.length < most)
  return { items, more: after !== undefined }
}

/** @param none said where there is nothing */
export function asLines<Item>(
  { items, more }: Listed<Item>,
  lineOf: (item: Item) => string,
  none: string,
): string {
  if (items.length === 0) return none
  return [...items.map(lineOf), ...(more ? ['… and more: --limit 0 shows all'] : [])].join('\n')
}
