/** Looking across the deployment, for administrators: sessions, consents, and how much was done by day. */
import { z } from 'zod'
import type { FoundConsent, FoundSession } from '../../domain/operations/session-search.ts'
import {
  USAGE_DAYS_MOST,
  USAGE_DAYS_USUAL,
  type UsageRepository,
  usage,
  usageRange,
} from '../../domain/operations/usage.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { ApiProblem } from '../problem.ts'
import { defineRoute, type Route } from '../route.ts'

const filter = {
  ...PAGE_QUERY,
  user_id: z.string().min(1).max(100).optional(),
  client_id: z.string().min(1).max(255).optional(),
}
const SESSION = z.strictObject({
  id: z.string(),
  user_id: z.string(),
  client_ids: z.array(z.string()).describe('applications it is signed in to'),
  started_at: z.iso.datetime(),
})
const CONSENT = z.strictObject({
  user_id: z.string(),
  client_id: z.string(),
  scopes: z.array(z.string()),
  updated_at: z.iso.datetime(),
})
const count = z.number().int().nonnegative()
export const USAGE_DAY = z.iso
  .date('must be a day, as in 2026-11-01')
  .refine((text) => text >= '2000-01-01' && text < '3000-01-01', 'must be of our time')
const DAY = z.strictObject({
  day: z.string(),
  sign_ins: count,
  sign_outs: count,
  failures: z.strictObject({ wrong_credentials: count, throttled: count }),
  new_users: z.strictObject({ registered: count, created: count }),
})

const USAGE = z.strictObject({
  active_sessions: count.describe('open at this moment'),
  days: z.array(DAY),
})

export async function usageOf(
  repository: UsageRepository,
  { from, to }: { from: string; to: string },
  now: Date,
): Promise<z.infer<typeof USAGE>> {
  const [days, active] = await Promise.all([usage(repository, from, to, now), repository.openSessions()])
  const shown = days.map((one) => ({
    ...{ day: one.day, sign_ins: one['user.signed_in'], sign_outs: one['user.signed_out'] },
    failures: { wrong_credentials: one['user.sign_in_failed'], throttled: one['user.sign_in_throttled'] },
    new_users: { registered: one['user.registered'], created: one['user.created'] },
  }))
  return { active_sessions: active, days: shown }
}

export function foundSessionOf(session: FoundSession): z.infer<typeof SESSION> {
  return {
    ...{ id: session.id, user_id: session.userId, client_ids: session.clientIds },
    started_at: session.startedAt.toISOString(),
  }
}

export function foundConsentOf(consent: FoundConsent): z.infer<typeof CONSENT> {
  return {
    ...{ user_id: consent.userId, client_id: consent.clientId, scopes: consent.scopes },
    updated_at: consent.updatedAt.toISOString(),
  }
}

export const insightRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/sessions', operation: 'searchSessions', tag: 'People' },
    summary: 'Sessions that are open, of everybody, of a person or in an application; newest first',
    input: { query: z.strictObject(filter) },
    ...{ output: pageSchema(SESSION), errors: [], permission: 'sessions:read' },
    async handle({ query }, { directory, sealer }) {
      const { user_id: userId, client_id: clientId } = query
      const read = (page: Parameters<typeof directory.accessDirectory.sessions>[0]) =>
        directory.accessDirectory.sessions({ ...page, userId, clientId })
      const body = await paged('sessions', query, sealer, read, foundSessionOf)
      return { body }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/consents', operation: 'searchConsents', tag: 'People' },
    summary: 'What people allowed applications, by person or by application',
    input: { query: z.strictObject(filter) },
    ...{ output: pageSchema(CONSENT), errors: [], permission: 'sessions:read' },
    async handle({ query }, { directory, sealer }) {
      const { user_id: userId, client_id: clientId } = query
      const read = (page: Parameters<typeof directory.accessDirectory.consents>[0]) =>
        directory.accessDirectory.consents({ ...page, userId, clientId })
      const body = await paged('consents', query, sealer, read, foundConsentOf)
      return { body }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/usage', operation: 'readUsage', tag: 'System' },
    summary: `Sign-ins, failures and new people by day (UTC), of at most ${USAGE_DAYS_MOST} days`,
    input: {
      query: z.strictObject({
        from: USAGE_DAY.optional().describe(
          `first day; ${USAGE_DAYS_USUAL} days up to the last unless given`,
        ),
        to: USAGE_DAY.optional().describe('last day; today unless given'),
      }),
    },
    output: USAGE,
    ...{ errors: [], permission: 'system:read' },
    async handle({ query }, { directory, now }) {
      const { fault, ...range } = usageRange(query, now())
      if (fault !== undefined)
        throw new ApiProblem('invalid_parameter', {
          errors: [{ pointer: '/from', code: 'range', detail: fault }],
        })
      return { body: await usageOf(directory.usage, range, now()) }
    },
  }),
]
