/**
 * An account without a browser: registration, proof of the address, a forgotten or another password. Each is the service of
 * the page; none tells a stranger who has an account (docs/decisions/0002-registration-is-a-draft.md).
 */
import { z } from 'zod'
import type { Person } from '../../domain/directory/directory.ts'
import { ApiProblem } from '../problem.ts'
import { defineRoute, type Route } from '../route.ts'
import { personOf } from './reading.ts'

const AUTH = '/api/v1/auth'
const tag = 'Sign-in'

const email = z.string().min(1).max(254)
const password = z.string().min(1).max(4096)
const id = z.string().min(1).max(255)
const code = z.string().min(1).max(32)
/** `<proof id>.<mac>`, at the end of the link */
const token = z.string().min(1).max(255)

const ACCOUNT = z.strictObject({
  id: z.string(),
  email: z.string(),
  username: z.string().nullable(),
  is_active: z.boolean().describe('may sign in'),
  email_verified: z.boolean(),
  created_at: z.iso.datetime(),
})

function accountOf(person: Person): z.infer<typeof ACCOUNT> {
  return {
    ...{ id: person.id, email: person.email, username: person.username ?? null },
    ...{ is_active: person.status === 'active', email_verified: person.emailVerified },
    created_at: person.createdAt.toISOString(),
  }
}

export const authAccountRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/register`, operation: 'register', tag, status: 201 },
    summary: 'Register somebody: the account is there when its address is proven',
    input: {
      body: z.strictObject({
        ...{ email, password },
        username: z.string().max(64).optional(),
        name: z.string().max(500).optional(),
      }),
    },
    ...{ output: ACCOUNT, errors: ['username_taken', 'email_taken', 'busy'], repeatable: 'person' },
    permission: 'anyone',
    async handle({ body, facts }, { auth }) {
      const { email, password, username = '', name = '' } = body
      const { id, createdAt } = await auth.registration.register({ email, password, username, name }, facts)
      const made = {
        ...{ id, email: email.trim(), username: username.trim() || null },
        ...{ is_active: false, email_verified: false, created_at: createdAt.toISOString() },
      }
      return { body: made }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/verify-email`, operation: 'verifyEmail', tag },
    summary: 'Prove an address: by id and code, or by the token of the link',
    input: {
      body: z
        .strictObject({
          id: id.optional().describe('of the registration, or of an account'),
          code: code.optional(),
          token: token.optional(),
          password: password.optional().describe('with the token of a registration: the one chosen there'),
        })
        .refine(({ id, code, token }) => (token === undefined ? id && code : !id && !code), {
          path: ['code'],
          message: 'either id and code, or token',
        }),
    },
    output: ACCOUNT,
    errors: ['proof_invalid', 'proof_expired', 'invalid_credentials', 'busy'],
    permission: 'anyone',
    async handle({ body, facts }, services) {
      const { verification } = services.auth
      const { id = '', code = '', token, password } = body
      if (token === undefined) {
        const userId = await verification.redeemCodeOf(id, code, facts)
        return { body: accountOf(await personOf(userId, services)) }
      }
      const { registration, userId } = await verification.inspectLink(token)
      // Whoever opens the link shows that the registration is theirs: an owner must not finish a stranger's by mistake.
      if (registration && password === undefined)
        throw new ApiProblem('invalid_input', { errors: [{ pointer: '/password', code: 'required' }] })
      await verification.redeemLink(token, facts, password)
      return { body: accountOf(await personOf(registration?.userId ?? String(userId), services)) }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/resend-verification`, operation: 'resendVerification', tag },
    summary: 'Another mail to prove an address, if there is something to prove',
    input: { body: z.strictObject({ email }) },
    ...{ output: undefined, status: 202, errors: [], permission: 'anyone' },
    async handle({ body, facts }, { auth }) {
      await auth.verification.sendAgain(body.email, facts)
      auth.mailSoon()
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/forgot-password`, operation: 'forgotPassword', tag },
    summary: 'A mail with a link to choose another password, if there is such an account',
    input: { body: z.strictObject({ email }) },
    ...{ output: undefined, status: 202, errors: [], permission: 'anyone' },
    async handle({ body, facts }, { auth }) {
      await auth.reset.request(body.email, { interactionUid: undefined, facts })
      auth.mailSoon()
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/reset-password`, operation: 'resetPassword', tag },
    summary: 'Choose another password by the token of the link; everything that was open ends',
    input: { body: z.strictObject({ token, password }) },
    ...{ output: undefined, errors: ['proof_invalid', 'proof_expired', 'busy'], permission: 'anyone' },
    async handle({ body, facts }, { auth }) {
      await auth.reset.reset(body.token, body.password, facts)
      auth.mailSoon()
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/change-password`, operation: 'changePassword', tag },
    summary: 'Choose another password by the one you have; everything that was open ends, this sign-in too',
    input: { body: z.strictObject({ current_password: password, new_password: password }) },
    ...{ output: undefined, errors: ['invalid_credentials', 'busy'], permission: 'account:write' },
    async handle({ actor, body, facts }, { auth }) {
      const { userId, clientId } = actor
      const { current_password: current, new_password: next } = body
      await auth.change.change({ userId, clientId, current, next, facts })
      return { body: undefined }
    },
  }),
]
