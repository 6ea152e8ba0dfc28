/** The record of events, and how the deployment is doing. */
import { z } from 'zod'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'
import { AUDIT_RECORD, dateOf, MOMENT, recordOf } from '../schemas.ts'

const seconds = z.number().nonnegative()
const bytes = z.number().int().nonnegative()
const count = z.number().int().nonnegative()

export const operationRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/audit', operation: 'listAudit', tag: 'Audit' },
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
        user_id: z.string().min(1).max(100).optional(),
        client_id: z.string().min(1).max(255).optional(),
        since: MOMENT.optional(),
        until: MOMENT.optional(),
      }),
    },
    ...{ output: pageSchema(AUDIT_RECORD), errors: [], permission: 'audit:read' },
    async handle({ query }, { directory, sealer }) {
      const { name, outcome, user_id: userId, client_id: clientId, since, until } = query
      const filter = { name, outcome, userId, clientId, since: dateOf(since), until: dateOf(until) }
      const read = (page: Parameters<typeof directory.trail.list>[0]) =>
        directory.trail.list({ ...page, ...filter })
      return { body: await paged('audit', query, sealer, read, recordOf) }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/settings', operation: 'readSettings', tag: 'System' },
    summary:
      'Settings as given and what follows from them; they are the environment’s and change with a restart',
    input: {},
    output: z.strictObject({
      items: z.array(
        z.strictObject({
          name: z.string(),
          value: z.string().nullable().describe('null: not given, or secret'),
          secret: z.boolean(),
          source: z.enum(['environment', 'secret_file', 'file', 'default']),
        }),
      ),
      effective: z.record(z.string(), z.unknown()),
    }),
    ...{ errors: [], permission: 'system:read' },
    async handle(_call, { settings: { items, effective } }) {
      return { body: { items: [...items], effective } }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/system', operation: 'readSystem', tag: 'System' },
    summary: 'How this process and what it depends on are doing',
    input: {},
    output: z.strictObject({
      version: z.string(),
      node: z.string(),
      mode: z.enum(['evaluation', 'production']),
      uptime_seconds: seconds,
      memory: z.strictObject({ rss_bytes: bytes, heap_used_bytes: bytes }),
      cpu: z.strictObject({ user_seconds: seconds, system_seconds: seconds }),
      event_loop: z.strictObject({ utilization: z.number() }),
      dependencies: z.record(z.string(), z.strictObject({ state: z.string() })),
      mail: z.strictObject({ waiting: count, dead: count }),
    }),
    ...{ errors: [], permission: 'system:read' },
    async handle(_call, { system }) {
      const { uptimeSeconds, memory, cpu, eventLoop, dependencies, ...same } = await system()
      const states = Object.entries(dependencies).map(([name, { state }]) => [name, { state }])
      return {
        body: {
          ...same,
          uptime_seconds: uptimeSeconds,
          memory: { rss_bytes: memory.rssBytes, heap_used_bytes: memory.heapUsedBytes },
          cpu: { user_seconds: cpu.userSeconds, system_seconds: cpu.systemSeconds },
          event_loop: eventLoop,
          dependencies: Object.fromEntries(states),
        },
      }
    },
  }),
]
