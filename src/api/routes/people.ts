/** People, for administrators. */
import { z } from 'zod'
import { USER_ORDERS } from '../../domain/directory/directory.ts'
import { PAGE_QUERY, paged, pageSchema } from '../cursor.ts'
import { defineRoute, type Route } from '../route.ts'
import {
  dateOf,
  MOMENT,
  NEW_PROFILE,
  PROFILE_CHANGES,
  profileOf,
  ROLE_NAME,
  USER,
  USER_PARAMS,
  userOf,
} from '../schemas.ts'
import { personOf, targetOf } from './reading.ts'

const LIST = '/api/v1/admin/users'
const ONE = `${LIST}/:id`
const tag = 'People'

const BEGINNING = z.string().trim().min(1).max(100).describe('what it begins with')
const email = z.string().min(1).max(254)
const username = z.string().min(1).max(64)

export const peopleRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: LIST, operation: 'listUsers', tag, summary: 'List and search people' },
    input: {
      query: z.strictObject({
        ...PAGE_QUERY,
        search: BEGINNING.optional().describe('what an e-mail address, username or name begins with'),
        email: BEGINNING.optional(),
        username: BEGINNING.optional(),
        name: BEGINNING.optional(),
        email_verified: z.enum(['true', 'false']).optional(),
        created_since: MOMENT.optional(),
        created_until: MOMENT.optional(),
        status: z.enum(['active', 'disabled']).optional(),
        role: ROLE_NAME.optional(),
        sort: z.enum(USER_ORDERS).default('-created_at'),
      }),
    },
    ...{ output: pageSchema(USER), errors: [], permission: 'users:read' },
    async handle({ query }, { directory, sealer }) {
      const { search, email, username, name, status, role, sort: order } = query
      const filter = {
        ...{ search, email, username, name, status, role, order },
        emailVerified: query.email_verified === undefined ? undefined : query.email_verified === 'true',
        createdSince: dateOf(query.created_since),
        createdUntil: dateOf(query.created_until),
      }
      const read = (page: Pick<Parameters<typeof directory.people.list>[0], 'after' | 'limit'>) =>
        directory.people.list({ ...page, ...filter })
      return { body: await paged('users', query, sealer, read, userOf) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: LIST, operation: 'createUser', tag, status: 201, repeatable: 'person' },
    summary: 'Create somebody, with a password or with an invitation by mail to choose one',
    input: {
      body: z.strictObject({
        email,
        email_verified: z.boolean().optional().describe('you vouch for the address'),
        username: username.optional(),
        password: z.string().min(1).max(1024).optional(),
        invite: z.boolean().optional().describe('by mail; unless said otherwise, where there is no password'),
        profile: NEW_PROFILE.optional(),
      }),
    },
    ...{ output: USER, errors: ['email_taken', 'username_taken', 'busy'], permission: 'users:write' },
    async handle({ body, by }, { users }) {
      const { email, username, password, invite, profile } = body
      const person = await users.create(
        {
          ...{ email, username, password, invite, emailVerified: body.email_verified },
          profile: profile && profileOf(profile),
        },
        by,
      )
      return { body: userOf(person), version: person.version, location: `${LIST}/${person.id}` }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: ONE, operation: 'readUser', tag, summary: 'Read one person' },
    input: { params: USER_PARAMS },
    ...{ output: USER, errors: [], permission: 'users:read', target: targetOf },
    async handle({ params }, services) {
      const person = await personOf(params.id, services)
      return { body: userOf(person), version: person.version }
    },
  }),
  defineRoute({
    ...{ method: 'PATCH', path: ONE, operation: 'updateUser', tag, summary: 'Change somebody' },
    input: {
      params: USER_PARAMS,
      body: z.strictObject({
        email: email.optional().describe('another address is not verified'),
        username: username.optional(),
        profile: PROFILE_CHANGES.optional(),
      }),
    },
    ...{ output: USER, errors: ['email_taken', 'username_taken'] },
    ...{ permission: 'users:write', target: targetOf, conditional: true },
    async handle({ params, body, version, by }, { users }) {
      const { profile, email, username } = body
      const changes = {
        ...(email === undefined ? {} : { email }),
        ...(username === undefined ? {} : { username }),
        ...(profile ? { profile: profileOf(profile) } : {}),
      }
      const person = await users.update(params.id, version, changes, by)
      return { body: userOf(person), version: person.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: ONE, operation: 'deleteUser', tag },
    summary: 'Delete somebody: locked at once, erased after the cool-off',
    input: {
      params: USER_PARAMS,
      query: z.strictObject({
        erase_now: z
          .enum(['true', 'false'])
          .default('false')
          .describe('without a cool-off: not to be undone'),
      }),
    },
    ...{ output: undefined, errors: ['last_owner'], permission: 'users:delete', target: targetOf },
    async handle({ params, query, by }, { deletion }) {
      await deletion.delete(params.id, by, { now: query.erase_now === 'true' })
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/restore`, operation: 'restoreUser', tag },
    summary: 'Give back an account that was deleted and is not erased yet',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: [], permission: 'users:delete', target: targetOf },
    async handle({ params, by }, { deletion }) {
      await deletion.restore(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/invite`, operation: 'inviteUser', tag, status: 202 },
    summary: 'Mail the invitation again; the link of the one before is dead',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: ['not_invitable'], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { passwordLinks }) {
      await passwordLinks.invite(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/force-reset`, operation: 'forceUserReset', tag, status: 202 },
    summary: 'Stop the password, end everything issued, and mail a link to choose another one',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: ['no_password'], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { passwordLinks }) {
      await passwordLinks.forceReset(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/disable`, operation: 'disableUser', tag },
    summary: 'Lock somebody out: sessions and tokens end at once',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: ['last_owner'], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { access }) {
      await access.disableUser(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${ONE}/enable`, operation: 'enableUser', tag },
    summary: 'Let somebody sign in again',
    input: { params: USER_PARAMS },
    ...{ output: undefined, errors: ['deletion_pending'], permission: 'users:write', target: targetOf },
    async handle({ params, by }, { access }) {
      await access.enableUser(params.id, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'PUT', path: `${ONE}/roles/:role`, operation: 'giveRole', tag, summary: 'Give a role' },
    input: { params: z.strictObject({ ...USER_PARAMS.shape, role: ROLE_NAME }) },
    ...{ output: USER, errors: [], permission: 'roles:write', target: targetOf },
    async handle({ params, by }, { roles }) {
      const person = await roles.give(params.id, params.role, by)
      return { body: userOf(person), version: person.version }
    },
  }),
  defineRoute({
    ...{ method: 'DELETE', path: `${ONE}/roles/:role`, operation: 'takeRole', tag, summary: 'Take a role' },
    input: { params: z.strictObject({ ...USER_PARAMS.shape, role: ROLE_NAME }) },
    ...{ output: USER, errors: ['last_owner'], permission: 'roles:write', target: targetOf },
    async handle({ params, by }, { roles }) {
      const person = await roles.take(params.id, params.role, by)
      return { body: userOf(person), version: person.version }
    },
  }),
]
