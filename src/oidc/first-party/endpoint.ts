/**
 * POST /authorize-challenge (draft-ietf-oauth-first-party-apps): the door for apps of the operator's own that show their
 * own forms. Inside, a request becomes one of the token endpoint with a grant type that nobody can use there, so that
 * the engine authenticates the client and refuses as it does everywhere else.
 */
import type Provider from 'oidc-provider'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { appendToBody } from '../request-body.ts'
import { CHALLENGE_GRANT, CHALLENGE_PATH, ENDPOINTS } from '../routes.ts'
import { type ChallengeDeps, challenge } from './challenge.ts'

const PARAMETERS = ['request_uri', 'auth_session', 'username', 'password', 'verification_code', 'resend']

const CORS = ['Access-Control-Allow-Origin', 'Access-Control-Expose-Headers']

const NOT_MARKED = {
  error: 'unauthorized_client',
  error_description: 'this client may not sign people in by itself',
}

export function challengeEndpoint(provider: Provider, deps: ChallengeDeps): void {
  const arrived = new WeakSet<object>()
  provider.registerGrantType(
    CHALLENGE_GRANT,
    async (ctx: KoaContextWithOIDC) => {
      if (!arrived.has(ctx)) throw new errors.UnsupportedGrantType()
      await challenge(provider, ctx, deps)
    },
    PARAMETERS,
  )
  // The engine matches its routes without regard to case and with a trailing slash; so does this.
  const ours = new RegExp(`^${CHALLENGE_PATH}/?$`, 'i')
  provider.use((async (ctx: KoaContextWithOIDC, next: () => Promise<void>) => {
    if (!ours.test(ctx.path) || ctx.method !== 'POST') return next()
    arrived.add(ctx)
    const { path } = ctx
    if (ctx.is('urlencoded')) await appendToBody(ctx, `&grant_type=${encodeURIComponent(CHALLENGE_GRANT)}`)
    ctx.path = ENDPOINTS.token
    try {
      await next()
      // To the engine it is a grant type that the client does not have.
      if (isNotAllowed(ctx.body)) ctx.body = NOT_MARKED
    } finally {
      ctx.path = path
      // No page calls this: the engine refuses foreign origins, and no browser is told that one may read the answer.
      for (const name of CORS) ctx.remove(name)
    }
  }) as never)
}

function isNotAllowed(body: unknown): boolean {
  const { error_description: description } = (body ?? {}) as { error_description?: string }
  return description === 'requested grant type is not allowed for this client'
}
