/** What could not be delivered, for administrators: tried again, or dropped. Nothing of what it says is shown. */
import { z } from 'zod'
import type { DeadLetter } from '../../domain/operations/dead-letters.ts'
import { OUTBOX_KINDS } from '../../domain/outbox.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'

const LIST = '/api/v1/admin/outbox/dead-letters'
const ONE = `${LIST}/:id`
const tag = 'System'

const kind = z.enum(OUTBOX_KINDS)
const PARAMS = z.strictObject({ id: z.string().min(1).max(100) })
const LETTER = z.strictObject({
  id: z.string(),
  kind: z.string(),
  client_id: z.string().nullable(),
  attempts: z.number().int(),
  error: z.string().nullable().describe('of the last try'),
  created_at: z.iso.datetime(),
  died_at: z.iso.datetime(),
})
const DONE = z.strictObject({ count: z.number().int() })

export const deadLetterRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listDeadLetters', tag },
    summary: 'Mails and notices that were given up, newest first; they are kept for 30 days',
    input: { query: z.strictObject({ ...PAGE_QUERY, kind: kind.optional() }) },
    ...{ output: pageSchema(LETTER), errors: [], permission: 'system:read' },
    async handle({ query }, { deadLetters, sealer }) {
      const read = (page: Parameters<typeof deadLetters.list>[0]) =>
        deadLetters.list({ ...page, kind: query.kind })
      return { body: await paged('dead-letters', query, sealer, read, letterOf) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/replay`, operation: 'replayDeadLetter', tag },
    ...{ summary: 'Try one again now', input: { params: PARAMS } },
    ...{ output: DONE, errors: [], permission: 'system:write' },
    handle: async ({ params, by }, { deadLetters }) => ({
      body: { count: await deadLetters.replay(params, by) },
    }),
  }),
  defineRoute({
    ...{ method: 'POST', path: '/api/v1/admin/outbox/replay', operation: 'replayDeadLetters', tag },
    ...{ summary: 'Try all of a kind again', input: { body: z.strictObject({ kind }) } },
    ...{ output: DONE, errors: [], permission: 'system:write' },
    handle: async ({ body, by }, { deadLetters }) => ({
      body: { count: await deadLetters.replay(body, by) },
    }),
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'discardDeadLetter', tag },
    ...{ summary: 'Drop one for good', input: { params: PARAMS } },
    ...{ output: undefined, errors: [], permission: 'system:write' },
    async handle({ params, by }, { deadLetters }) {
      await deadLetters.discard(params, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: '/api/v1/admin/outbox/discard', operation: 'discardDeadLetters', tag },
    ...{ summary: 'Drop all of a kind for good', input: { body: z.strictObject({ kind }) } },
    ...{ output: DONE, errors: [], permission: 'system:write' },
    handle: async ({ body, by }, { deadLetters }) => ({
      body: { count: await deadLetters.discard(body, by) },
    }),
  }),
]

function letterOf(letter: DeadLetter): z.infer<typeof LETTER> {
  return {
    ...{ id: letter.id, kind: letter.kind, attempts: letter.attempts },
    client_id: letter.clientId ?? null,
    error: letter.error ?? null,
    created_at: letter.createdAt.toISOString(),
    died_at: letter.diedAt.toISOString(),
  }
}
