/**
 * One request of a sign-in without a browser: a pushed request with identifier and password begins it, `auth_session`
 * continues it. It refuses clients that the operator did not mark, and whatever belongs to another client or another
 * key; what a person got wrong is an answer, not a failure, and has the same words whatever was wrong.
 */
import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { RequestFacts } from '../../domain/audit/events.ts'
import { isDomainError } from '../../domain/errors.ts'
import type { AuditRepository, Clock, Random } from '../../domain/ports.ts'
import {
  AUTH_SESSION_SECONDS,
  type AuthSession,
  type AuthSessions,
} from '../../domain/sign-in/auth-sessions.ts'
import type { DirectSignIn, Outcome } from '../../domain/sign-in/direct.ts'
import { type RefusalDeps, refusalOf } from '../refusals.ts'
import { CHALLENGE_PATH } from '../routes.ts'
import { authorize } from './authorize.ts'
import { checkKey } from './bound-request.ts'
import { continued, pushedRequest, requestIdOf, requestUriOf } from './pushed-request.ts'

export interface ChallengeDeps extends RefusalDeps {
  signIn: DirectSignIn
  sessions: AuthSessions
  audit: AuditRepository
  clock: Clock
  random: Random
  /** of who has given a password and what else was asked */
  acr: string
  /** of a session, in seconds */
  sessionLifetime: (session: object, clientId: string) => number
  /** the request as the front door recorded it */
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
}

interface Answer {
  status: number
  body: Record<string, unknown>
  retryAfterSeconds?: number | undefined
}

/** A request, with what it belongs to. */
interface Step {
  provider: Provider
  ctx: KoaContextWithOIDC
  deps: ChallengeDeps
  clientId: string
  params: Record<string, string | undefined>
  facts: RequestFacts
}

export async function challenge(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  deps: ChallengeDeps,
): Promise<void> {
  const { client } = ctx.oidc
  // The flag is the operator's to give; a registration cannot name it (`client-rules.ts`).
  if (client?.first_party !== true || client.first_party_challenge !== true)
    throw new errors.UnauthorizedClient('this client may not sign people in by itself')
  const params = ctx.oidc.params as Step['params']
  const facts = deps.factsOf(ctx)
  if (!facts) throw new Error('a request without the facts of it')
  const step = { provider, ctx, deps, clientId: client.clientId, params, facts }
  try {
    const { status, body, retryAfterSeconds } = await answerTo(step)
    if (retryAfterSeconds !== undefined) ctx.set('Retry-After', String(retryAfterSeconds))
    ctx.status = status
    ctx.body = body
  } catch (error) {
    throw refusalOf(error, ctx, deps) ?? error
  }
}

function answerTo(step: Step): Promise<Answer> {
  const { request_uri: requestUri, auth_session: value } = step.params
  if ((requestUri === undefined) === (value === undefined))
    throw new errors.InvalidRequest('either request_uri or auth_session is needed, and not both')
  return value === undefined ? begin(step, requestIdOf(String(requestUri))) : goOn(step, value)
}

async function begin(step: Step, id: string): Promise<Answer> {
  const { provider, ctx, deps, clientId, params, facts } = step
  const { jkt } = await pushedRequest(provider, clientId, id)
  await checkKey(provider, ctx, jkt, provider.issuer + CHALLENGE_PATH)
  const { username, password } = params
  if (!username?.trim() || !password) throw new errors.InvalidRequest('username and password are needed')
  const flow = deps.random.id('dsi')
  let outcome: Outcome
  try {
    outcome = await deps.signIn.begin({ username, password, facts, clientId }, flow)
  } catch (error) {
    return wrong(error)
  }
  // What lies between two requests may take longer than a pushed request lives.
  const session = (requestId: string, progress: AuthSession['progress']) => ({
    ...{ requestId, flow, progress, until: seconds(deps.clock) + AUTH_SESSION_SECONDS },
  })
  if (outcome.step === 'verify-email')
    return insufficient(
      step,
      session(await continued(provider, clientId, id, AUTH_SESSION_SECONDS), outcome.progress),
    )
  return finish(step, id, outcome)
}

async function goOn(step: Step, value: string): Promise<Answer> {
  const { provider, ctx, deps, clientId } = step
  const session = await deps.sessions.take(clientId, value)
  if (!session) return invalidSession()
  const giveBack = () => deps.sessions.giveBack(clientId, value, session, seconds(deps.clock))
  try {
    const { jkt } = await pushedRequest(provider, clientId, session.requestId)
    await checkKey(provider, ctx, jkt, provider.issuer + CHALLENGE_PATH)
    const answer = await proceed(step, session)
    if (answer.status === 429 || answer.status === 503) await giveBack()
    return answer
  } catch (error) {
    if (error instanceof errors.InvalidRequestUri) return invalidSession()
    await giveBack()
    throw error
  }
}

async function proceed(step: Step, session: AuthSession): Promise<Answer> {
  const { deps, params, facts } = step
  const { progress, flow } = session
  try {
    const outcome = await (params.resend === 'true'
      ? deps.signIn.resend(progress, flow, facts)
      : params.verification_code === undefined
        ? deps.signIn.next(progress, flow, facts)
        : deps.signIn.verify(progress, params.verification_code, flow, facts))
    if (outcome.step === 'verify-email') return insufficient(step, { ...session, progress: outcome.progress })
    return finish(step, session.requestId, outcome)
  } catch (error) {
    if (!isDomainError(error) || !error.code.startsWith('proof_')) return wrong(error)
    const { body } = await insufficient(step, session)
    const locked = error.code !== 'proof_invalid'
    const description = locked ? 'the code works no more; ask for another with resend' : 'the code is wrong'
    return { status: 400, body: { ...body, error: 'invalid_grant', error_description: description } }
  }
}

async function finish(step: Step, requestId: string, outcome: Outcome): Promise<Answer> {
  const { provider, ctx, deps, clientId, facts } = step
  if (outcome.step !== 'done') return invalidSession()
  const { amr, authTime } = outcome.progress
  if (!amr || authTime === undefined) throw new Error('a sign-in was about to end without proof')
  const proven = { accountId: outcome.user.id, amr, authTime, acr: deps.acr }
  const request = { clientId, requestUri: requestUriOf(requestId) }
  const lifetime = (session: object) => deps.sessionLifetime(session, clientId)
  const authorized = await authorize(provider, ctx, request, proven, lifetime)
  if ('web' in authorized) {
    const id = await continued(provider, clientId, requestId, AUTH_SESSION_SECONDS)
    const body = { error: 'redirect_to_web', request_uri: requestUriOf(id), expires_in: AUTH_SESSION_SECONDS }
    return { status: 403, body }
  }
  if ('error' in authorized) {
    const { error, description, status } = authorized
    if (status >= 500) return unavailable(503, undefined)
    return { status: 400, body: { error, error_description: description } }
  }
  // With the code or not at all: of many requests at once one signs the person in.
  await deps.audit.append({
    name: 'user.signed_in',
    outcome: 'success',
    userId: outcome.user.id,
    clientId,
    request: facts,
    detail: { amr: amr.join(' '), by: 'app' },
  })
  return { status: 200, body: { authorization_code: authorized.code } }
}

/** The mail with the code is on its way, or pretends to be. */
async function insufficient({ deps, clientId }: Step, session: AuthSession): Promise<Answer> {
  const value = await deps.sessions.give(clientId, session, seconds(deps.clock))
  const body = { error: 'insufficient_authorization', auth_session: value, next: 'verification_code' }
  return { status: 403, body }
}

/** @throws what is nothing a person got wrong, nor the load */
function wrong(error: unknown): Answer {
  if (isDomainError(error, 'invalid_credentials'))
    return {
      status: 400,
      body: { error: 'invalid_grant', error_description: 'the username or the password is wrong' },
    }
  if (isDomainError(error, 'throttled')) return unavailable(429, error.retryAfterSeconds)
  if (isDomainError(error, 'busy')) return unavailable(503, error.retryAfterSeconds)
  throw error
}

function unavailable(status: 429 | 503, retryAfterSeconds = 5): Answer {
  const description =
    status === 429 ? 'too many attempts; wait and try again' : 'the service is busy; try again in a moment'
  const body = { error: 'temporarily_unavailable', error_description: description }
  return { status, body, retryAfterSeconds }
}

function invalidSession(): Answer {
  const description = 'auth_session was used, has expired, or was given to another client'
  return { status: 400, body: { error: 'invalid_session', error_description: description } }
}

const seconds = (clock: Clock) => Math.floor(clock.now().getTime() / 1000)
