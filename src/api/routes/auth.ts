/**
 * Signing in without a browser, for apps that are the operator's own: tokens for a password, their renewal and their end.
 * Switched off as a whole by `AUTH_API`; what it decides is decided by the services of the pages.
 */
import { z } from 'zod'
import { grantedTo } from '../../domain/permissions/permissions.ts'
import type { AppSignInOutcome, Issued } from '../../domain/sign-in/by-app.ts'
import { ApiProblem } from '../problem.ts'
import { defineRoute, type Reply, type Route } from '../route.ts'
import { personOf } from './reading.ts'

const AUTH = '/api/v1/auth'
const tag = 'Sign-in'

const name = z.string().trim().min(1).max(254)
const secret = z.string().min(1).max(4096)
const TOKENS = z.strictObject({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().describe('seconds'),
  refresh_token: z.string(),
  scope: z.string(),
})
const VERIFIED = z.strictObject({
  active: z.literal(true),
  user_id: z.string(),
  client_id: z.string(),
  scope: z.string(),
  permissions: z.array(z.string()).describe('what the app was given and the person may'),
  roles: z.array(z.string()),
  expires_at: z.iso.datetime(),
})

function tokensOf({ accessToken, expiresIn, refreshToken, scope }: Issued): Reply<z.infer<typeof TOKENS>> {
  return {
    body: {
      ...{ access_token: accessToken, token_type: 'Bearer', expires_in: expiresIn },
      ...{ refresh_token: refreshToken, scope },
    },
  }
}

/** Tokens, or a refusal that says how to go on. */
function replyTo(outcome: AppSignInOutcome): Reply<z.infer<typeof TOKENS>> {
  if ('issued' in outcome) return tokensOf(outcome.issued)
  if (outcome.next === 'web') throw new ApiProblem('step_required')
  const members = { auth_session: outcome.authSession }
  const { wrong } = outcome
  throw wrong === undefined
    ? new ApiProblem('verification_required', { members })
    : new ApiProblem('proof_invalid', { detail: wrong, members })
}

export const authRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/login`, operation: 'signIn', tag },
    summary: 'Sign somebody in by the password they typed',
    input: {
      body: z
        .strictObject({ email: name.optional(), username: name.optional(), password: secret })
        .refine(({ email, username }) => (email === undefined) !== (username === undefined), {
          path: ['email'],
          message: 'either email or username, and not both',
        }),
    },
    output: TOKENS,
    errors: ['invalid_credentials', 'verification_required', 'step_required', 'busy'],
    permission: 'anyone',
    async handle({ body, facts }, { auth }) {
      return replyTo(await auth.signIn.begin(body.email ?? body.username ?? '', body.password, facts))
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/login/continue`, operation: 'continueSignIn', tag },
    summary: 'Go on with a sign-in: with the code of the mail, with another mail, or to see where it stands',
    input: {
      body: z.strictObject({
        auth_session: secret,
        verification_code: z.string().max(32).optional(),
        resend: z.boolean().optional().describe('another mail in place of a code'),
      }),
    },
    output: TOKENS,
    errors: [
      ...(['auth_session_invalid', 'proof_invalid', 'verification_required', 'step_required'] as const),
      ...(['invalid_credentials', 'busy'] as const),
    ],
    permission: 'anyone',
    async handle({ body, facts }, { auth }) {
      const { auth_session: session, verification_code: code, resend } = body
      return replyTo(await auth.signIn.goOn(session, { code, resend }, facts))
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/refresh`, operation: 'refreshTokens', tag },
    summary: 'New tokens for a refresh token, which is used up',
    input: { body: z.strictObject({ refresh_token: secret }) },
    ...{ output: TOKENS, errors: ['refresh_token_invalid', 'busy'], permission: 'anyone' },
    async handle({ body, facts }, { auth }) {
      return tokensOf(await auth.signIn.refresh(body.refresh_token, facts))
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: `${AUTH}/verify`, operation: 'verifyToken', tag },
    summary: 'Whether your token is good, for whom, and for what',
    ...{ input: {}, output: VERIFIED, errors: [], permission: 'account:read' },
    async handle({ actor }, services) {
      const { userId, clientId, scopes, expiresAt } = actor
      const { roles } = await personOf(userId, services)
      const body = {
        ...{ active: true as const, user_id: userId, client_id: clientId, scope: scopes.join(' ') },
        permissions: [...grantedTo(actor)],
        roles,
        expires_at: new Date(expiresAt * 1000).toISOString(),
      }
      return { body }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/logout`, operation: 'signOut', tag },
    summary: 'End the sign-in your token is of, with everything that came of it',
    ...{ input: {}, output: undefined, errors: ['not_found'], permission: 'account:write' },
    async handle({ actor, by }, { access }) {
      // One that hangs on no session is ended where it was issued (RFC 7009).
      if (actor.sessionUid === undefined) throw new ApiProblem('not_found')
      await access.endSessionOf(actor.userId, actor.sessionUid, by)
      return { body: undefined }
    },
  }),
  defineRoute({
    ...{ method: 'POST', path: `${AUTH}/logout-all`, operation: 'signOutAll', tag },
    summary: 'End all your sign-ins, in every browser and app',
    ...{ input: {}, output: undefined, errors: [], permission: 'account:write' },
    async handle({ actor, by }, { access }) {
      await access.signOutEverywhere(actor.userId, by)
      return { body: undefined }
    },
  }),
]
