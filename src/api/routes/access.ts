/** Sessions and what was allowed to apps, of one person, for administrators. */
import { z } from 'zod'
import { defineRoute, type Route } from '../route.ts'
import { CONSENTS, SESSIONS, USER_PARAMS } from '../schemas.ts'
import { consentsOf, sessionsOf, targetOf } from './reading.ts'

const ONE = '/api/v1/admin/users/:id'
const tag = 'People'

export const accessRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: `${ONE}/sessions`, operation: 'listSessions', tag },
    summary: 'Where somebody is signed in',
    input: { params: USER_PARAMS },
    ...{ output: SESSIONS, errors: [], permission: 'sessions:read', target: targetOf },
    handle: async ({ params }, services) => ({ body: await sessionsOf(params.id, services) }),
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ONE}/sessions`, operation: 'signOutEverywhere', tag },
    summary: 'End all sessions and tokens of somebody; they may sign in again',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: [], permission: 'sessions:write', target: targetOf },
    async handle({ params, by }, { access }) {
      await access.signOutEverywhere(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ONE}/sessions/:session`, operation: 'endSession', tag },
    summary: 'End one session of somebody',
    input: {
      params: z.strictObject({ ...USER_PARAMS.shape, session: z.string().regex(/^[\w-]{10,100}$/) }),
    },
    ...{ output: undefined, errors: [], permission: 'sessions:write', target: targetOf },
    async handle({ params, by }, { access }) {
      await access.endSession(params.id, params.session, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${ONE}/consents`, operation: 'listConsents', tag },
    summary: 'What somebody allowed apps',
    input: { params: USER_PARAMS },
    ...{ output: CONSENTS, errors: [], permission: 'sessions:read', target: targetOf },
    handle: async ({ params }, services) => ({ body: await consentsOf(params.id, services) }),
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ONE}/consents/:client`, operation: 'withdrawConsent', tag },
    summary: 'Take back what somebody allowed an app',
    input: { params: z.strictObject({ ...USER_PARAMS.shape, client: z.string().min(1).max(255) }) },
    ...{ output: undefined, errors: [], permission: 'sessions:write', target: targetOf },
    async handle({ params, by }, { access }) {
      await access.withdrawConsent(params.id, params.client, by)
      return { body: undefined }
    },
  }),
]
