/** The record of events: looked through, taken away as a file, checked. */
import { z } from 'zod'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'
import { AUDIT_RECORD, dateOf, MOMENT, recordOf } from '../schemas.ts'

const PATH = '/api/v1/admin/audit'
const tag = 'Audit'
const count = z.number().int().nonnegative()
const HEAD = z.strictObject({ seq: count, hash: z.string().regex(/^[\w-]{43}$/) })

export const auditRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: PATH, operation: 'listAudit', tag },
    summary: 'Security events, newest first',
    input: {
      query: z.strictObject({
        ...PAGE_QUERY,
        name: z
          .string()
          .regex(/^[a-z_]+\.[a-z_]+$/)
          .max(64)
          .optional()
          .describe('of the event, as in user.signed_in'),
        outcome: z.enum(['success', 'failure']).optional(),
        user_id: z.string().min(1).max(100).optional().describe('whom it is about'),
        actor_id: z.string().min(1).max(100).optional().describe('who did it, to themselves or to others'),
        client_id: z.string().min(1).max(255).optional(),
        since: MOMENT.optional(),
        until: MOMENT.optional(),
      }),
    },
    ...{ output: pageSchema(AUDIT_RECORD), errors: [], permission: 'audit:read' },
    async handle({ query }, { directory, sealer }) {
      const { name, outcome, user_id: userId, actor_id: actorId, client_id: clientId, since, until } = query
      const filter = { name, outcome, userId, actorId, clientId, since: dateOf(since), until: dateOf(until) }
      const read = (page: Parameters<typeof directory.trail.list>[0]) =>
        directory.trail.list({ ...page, ...filter })
      return { body: await paged('audit', query, sealer, read, recordOf) }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${PATH}/export`, operation: 'exportAudit', tag },
    summary: 'The record with its chain and signatures, as lines of JSON that can be checked elsewhere',
    input: {
      query: z.strictObject({
        after: z.coerce
          .number()
          .int()
          .min(0)
          .max(Number.MAX_SAFE_INTEGER)
          .default(0)
          .describe('links behind this one'),
        personal: z
          .enum(['true', 'false'])
          .default('false')
          .describe('with what identifies people, which nobody can erase from the file'),
      }),
    },
    ...{ output: undefined, streams: true, errors: [], permission: 'audit:read' },
    async handle({ query: { after, personal }, by }, { audit }) {
      return { body: (await audit.export({ after, personal: personal === 'true' }, by)) as never }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${PATH}/verify`, operation: 'verifyAudit', tag },
    summary: 'Walk all of the chain: was a record changed, taken away, put in or moved?',
    input: { body: z.strictObject({ since: HEAD.optional().describe('`head` of an earlier check') }) },
    output: z.strictObject({
      links: count,
      checkpoints: count,
      pruned: count.describe('records that went by retention'),
      waiting: count,
      head: HEAD.nullable().describe('to keep elsewhere, for the next check'),
      findings: z.array(
        z.strictObject({
          kind: z.string(),
          seq: count.optional(),
          recordId: z.string().optional(),
          sentence: z.string(),
        }),
      ),
    }),
    ...{ errors: ['busy'], permission: 'audit:read' },
    async handle({ body: { since } }, { audit }) {
      const verdict = await audit.verify(since)
      return { body: { ...verdict, head: verdict.head ?? null } }
    },
  }),
]
