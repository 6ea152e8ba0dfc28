/**
 * Pages of a list. A cursor is sealed and good only for the list, the order and the filter it came from, so nobody
 * builds one, and one cannot be used to ask for what its first page would not have shown.
 */
import { z } from 'zod'
import type { PageOf, Position } from '../domain/directory/directory.ts'
import type { Sealer } from './deps.ts'
import { ApiProblem } from './problem.ts'

export const PAGE_QUERY = {
  limit: z.coerce.number().int().min(1).max(200).default(50).describe('items a page'),
  // Room for the longest client id, all of it escaped.
  cursor: z.string().max(2000).optional().describe('`next_cursor` of the page before'),
}

export function pageSchema<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item),
    next_cursor: z.string().nullable().describe('null on the last page'),
  })
}

type Query = { cursor?: string | undefined; limit: number }

/** Reads a page and says where the next one begins. */
export async function paged<Item, Shown, Q extends Query>(
  list: string,
  query: Q,
  sealer: Sealer,
  read: (page: { after: Position | undefined; limit: number }) => Promise<PageOf<Item>>,
  show: (item: Item) => Shown,
): Promise<{ items: Shown[]; next_cursor: string | null }> {
  const { cursor, limit, ...filter } = query
  const place = `api-cursor:${list}:${JSON.stringify(Object.entries(filter).sort())}`
  const { items, next } = await read({ after: positionOf(cursor, place, sealer), limit })
  const sealed = next && sealer.seal(place, JSON.stringify([next.key, next.id])).toString('base64url')
  return { items: items.map(show), next_cursor: sealed ?? null }
}

function positionOf(cursor: string | undefined, place: string, sealer: Sealer): Position | undefined {
  if (cursor === undefined) return undefined
  try {
    const [key, id] = JSON.parse(sealer.open(place, Buffer.from(cursor, 'base64url'))) as [string, string]
    return { key, id }
  } catch (cause) {
    const errors = [{ pointer: '/cursor', code: 'invalid_cursor', detail: 'not a cursor of this list' }]
    throw new ApiProblem('invalid_parameter', { errors, cause })
  }
}
