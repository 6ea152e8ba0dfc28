/** One's own data, whole. */
import { z } from 'zod'
import { defineRoute, type Route } from '../route.ts'
import { AUDIT_RECORD, CONSENT, consentOf, ME, meOf, recordOf, SESSION, sessionOf } from '../schemas.ts'
import { withoutPlace } from './reading.ts'

const EXPORT = z.strictObject({
  exported_at: z.iso.datetime(),
  account: ME,
  sessions: z.array(SESSION),
  consents: z.array(CONSENT),
  activity: z.array(AUDIT_RECORD).describe('newest first'),
})

export const exportRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'POST', path: '/api/v1/users/me/export', operation: 'exportMe', tag: 'Your account' },
    summary: 'Everything that is kept about you',
    ...{ input: {}, output: EXPORT, errors: [], permission: 'account:read' },
    async handle({ actor, facts }, services) {
      const { userId, clientId } = actor
      const all = await services.export.of(userId, clientId, facts)
      const body = {
        exported_at: all.at.toISOString(),
        account: meOf(all.person),
        sessions: all.sessions.map(sessionOf),
        consents: all.consents.map(consentOf),
        activity: all.activity.map((record) => recordOf(withoutPlace(record, userId))),
      }
      return { body }
    },
  }),
]
