/** What everybody may with their own account. */
import { z } from 'zod'
import type { AuditRecord } from '../../domain/directory/directory.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'
import {
  AUDIT_RECORD,
  CONSENTS,
  ME,
  meOf,
  PROFILE_CHANGES,
  profileOf,
  recordOf,
  SESSIONS,
} from '../schemas.ts'
import { consentsOf, personOf, sessionsOf, withoutPlace } from './reading.ts'

const ME_PATH = '/api/v1/users/me'
const tag = 'Your account'

export const meRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: ME_PATH, operation: 'readMe', tag, summary: 'Your account' },
    ...{ input: {}, output: ME, errors: [], permission: 'account:read' },
    async handle({ actor }, services) {
      const person = await personOf(actor.userId, services)
      return { body: meOf(person), version: person.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ME_PATH, operation: 'updateMe', tag, summary: 'Change your profile' },
    input: { body: z.strictObject({ profile: PROFILE_CHANGES }) },
    ...{ output: ME, errors: [], permission: 'account:write', conditional: true },
    async handle({ actor, body, version, by }, { users }) {
      const changes = { profile: profileOf(body.profile) }
      const person = await users.update(actor.userId, version, changes, by)
      return { body: meOf(person), version: person.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ME_PATH, operation: 'deleteMe', tag },
    summary: 'Delete your account: it is locked at once, and erased after the cool-off',
    ...{ input: {}, output: undefined, errors: ['last_owner'], permission: 'account:write' },
    async handle({ actor, by }, { deletion }) {
      await deletion.delete(actor.userId, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ME_PATH}/sessions`, operation: 'listMySessions', tag },
    summary: 'Where you are signed in',
    ...{ input: {}, output: SESSIONS, errors: [], permission: 'account:read' },
    handle: async ({ actor }, services) => ({ body: await sessionsOf(actor.userId, services) }),
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ME_PATH}/sessions/:id`, operation: 'endMySession', tag },
    summary: 'Sign out there, and of every app that was signed in to from there',
    input: { params: z.strictObject({ id: z.string().regex(/^[\w-]{10,100}$/) }) },
    ...{ output: undefined, errors: [], permission: 'account:write' },
    async handle({ actor, params, by }, { access }) {
      await access.endSession(actor.userId, params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ME_PATH}/activity`, operation: 'listMyActivity', tag },
    summary: 'What happened with your account, newest first',
    input: { query: z.strictObject(PAGE_QUERY) },
    ...{ output: pageSchema(AUDIT_RECORD), errors: [], permission: 'account:read' },
    async handle({ actor, query }, { directory, sealer }) {
      const { userId } = actor
      const read = (page: Parameters<typeof directory.trail.list>[0]) =>
        directory.trail.list({ ...page, userId })
      const show = (record: AuditRecord) => recordOf(withoutPlace(record, userId))
      return { body: await paged(`activity:${userId}`, query, sealer, read, show) }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ME_PATH}/consents`, operation: 'listMyConsents', tag },
    summary: 'What you allowed apps',
    ...{ input: {}, output: CONSENTS, errors: [], permission: 'account:read' },
    handle: async ({ actor }, services) => ({ body: await consentsOf(actor.userId, services) }),
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ME_PATH}/consents/:client`, operation: 'withdrawMyConsent', tag },
    summary: 'Take back what you allowed an app; what it holds stops working',
    input: { params: z.strictObject({ client: z.string().min(1).max(255) }) },
    ...{ output: undefined, errors: [], permission: 'account:write' },
    async handle({ actor, params, by }, { access }) {
      await access.withdrawConsent(actor.userId, params.client, by)
      return { body: undefined }
    },
  }),
]
