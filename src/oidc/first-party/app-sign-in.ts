/**
 * Signing in for tokens of our own API, by our own endpoints: pushed request, challenge, token. Nothing is decided here:
 * throttles, records, hashing and tokens are those of whoever comes by these endpoints from outside
 * (docs/decisions/0036-sign-in-by-the-api.md).
 */
import { createHash } from 'node:crypto'
import type { RequestFacts } from '../../domain/audit/events.ts'
import { DomainError } from '../../domain/errors.ts'
import { OWN } from '../../domain/permissions/permissions.ts'
import type { Random } from '../../domain/ports.ts'
import type { AppSignIn, AppSignInOutcome, Issued } from '../../domain/sign-in/by-app.ts'
import { apiAudience } from '../api-access.ts'
import { API_CLIENT, apiRedirect } from '../api-client.ts'
import { CHALLENGE_PATH, ENDPOINTS } from '../routes.ts'

export interface EngineAnswer {
  status: number
  body: Record<string, unknown>
  retryAfterSeconds: number | undefined
}

/** A form to an endpoint, in this process; throws what the stores throw when they are away. */
export type AskEngine = (
  path: string,
  form: Record<string, string>,
  facts: RequestFacts,
) => Promise<EngineAnswer>

export interface AppSignInDeps {
  issuer: string
  ask: AskEngine
  random: Random
  /** what the app carries between two steps: neither to be read nor changed by it */
  sealer: { seal(place: string, plaintext: string): Buffer; open(place: string, sealed: Buffer): string }
}

const PLACE = 'auth-api.session'
/** Wrong; or right, and disabled, or everything ended, before there was a code. */
const OVER = new Set<unknown>(['invalid_grant', 'login_required', 'access_denied'])

export function appSignIn({ issuer, ask, random, sealer }: AppSignInDeps): AppSignIn {
  const client = { client_id: API_CLIENT }

  async function push(verifier: string, facts: RequestFacts): Promise<string> {
    const answer = await ask(
      ENDPOINTS.pushed_authorization_request,
      {
        ...client,
        response_type: 'code',
        redirect_uri: apiRedirect(issuer),
        resource: apiAudience(issuer),
        scope: OWN.join(' '),
        code_challenge_method: 'S256',
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      },
      facts,
    )
    if (answer.status !== 201) throw refused('the pushed request', answer)
    return String(answer.body.request_uri)
  }

  async function outcomeOf(
    { status, body, retryAfterSeconds }: EngineAnswer,
    verifier: string,
    facts: RequestFacts,
  ): Promise<AppSignInOutcome> {
    const { error, auth_session: session } = body
    if (status === 200) return { issued: await exchange(String(body.authorization_code), verifier, facts) }
    if (error === 'redirect_to_web') return { next: 'web' }
    if (typeof session === 'string') {
      const sealed = sealer.seal(PLACE, JSON.stringify([session, verifier])).toString('base64url')
      const wrong = error === 'invalid_grant' ? { wrong: String(body.error_description) } : {}
      return { next: 'verification_code', authSession: sealed, ...wrong }
    }
    if (error === 'invalid_session') throw new DomainError('auth_session_invalid')
    if (OVER.has(error)) throw new DomainError('invalid_credentials')
    throw refused('the challenge', { status, body, retryAfterSeconds })
  }

  async function exchange(code: string, verifier: string, facts: RequestFacts): Promise<Issued> {
    const form = {
      ...{ ...client, grant_type: 'authorization_code', code, code_verifier: verifier },
      redirect_uri: apiRedirect(issuer),
      resource: apiAudience(issuer),
    }
    const answer = await ask(ENDPOINTS.token, form, facts)
    // Disabled, or everything ended, between the two requests: what was proven counts no more.
    if (answer.body.error === 'invalid_grant') throw new DomainError('invalid_credentials')
    return issuedOf(answer)
  }

  return {
    async begin(username, password, facts) {
      const verifier = random.token(32)
      const form = { ...client, request_uri: await push(verifier, facts), username, password }
      const answer = await ask(CHALLENGE_PATH, form, facts)
      // Of a sign-in that has only begun: what was proven counted no more a moment later.
      if (answer.body.error === 'invalid_session') throw new DomainError('invalid_credentials')
      return outcomeOf(answer, verifier, facts)
    },
    async goOn(authSession, { code, resend }, facts) {
      const [session, verifier] = opened(authSession)
      const step = { ...(code === undefined ? {} : { verification_code: code }) }
      const form = { ...client, auth_session: session, ...(resend ? { resend: 'true' } : step) }
      return outcomeOf(await ask(CHALLENGE_PATH, form, facts), verifier, facts)
    },
    async refresh(refreshToken, facts) {
      const form = { ...client, grant_type: 'refresh_token', refresh_token: refreshToken }
      const answer = await ask(ENDPOINTS.token, { ...form, resource: apiAudience(issuer) }, facts)
      if (answer.body.error === 'invalid_grant') throw new DomainError('refresh_token_invalid')
      return issuedOf(answer)
    },
  }

  function opened(authSession: string): [session: string, verifier: string] {
    try {
      return JSON.parse(sealer.open(PLACE, Buffer.from(authSession, 'base64url'))) as [string, string]
    } catch (cause) {
      throw new DomainError('auth_session_invalid', { cause })
    }
  }
}

function issuedOf(answer: EngineAnswer): Issued {
  const { status, body } = answer
  if (status !== 200) throw refused('the token endpoint', answer)
  return {
    accessToken: String(body.access_token),
    expiresIn: Number(body.expires_in),
    refreshToken: String(body.refresh_token),
    scope: String(body.scope),
  }
}

function refused(who: string, { status, body, retryAfterSeconds }: EngineAnswer): Error {
  const options = retryAfterSeconds === undefined ? {} : { retryAfterSeconds }
  if (status === 429) return new DomainError('throttled', options)
  if (body.error === 'temporarily_unavailable') return new DomainError('busy', options)
  // An administrator disabled or deleted the client behind this.
  if (status === 503 || body.error === 'invalid_client') return new DomainError('unavailable', options)
  // A fault of ours: what was asked was made here.
  return new Error(`${who} answered ${status} ${body.error}: ${body.error_description}`)
}
