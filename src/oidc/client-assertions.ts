/**
 * What we ask of JWTs that clients sign beyond the engine: of assertions (RFC 7523 3), whose `iat` it checks only where
 * there is an `nbf`, and of requests (RFC 9101).
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { FAPI_ALGORITHMS } from '../domain/clients/profile.ts'

/** Clocks differ; an assertion made further ahead than this was made to be used later (FAPI 2.0 5.3.2.1). */
const AHEAD_SECONDS = 15
/** An assertion says so or says nothing; a JWT that says it was made for another use is none (RFC 8725 3.11). */
const TYPES = [undefined, 'jwt', 'client-authentication+jwt']

/** @throws InvalidClientAuth (RFC 7523 3.2) */
export async function checkClientAssertion(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): Promise<void> {
  if (isTooWeak(ctx, header)) throw new errors.InvalidClientAuth(TOO_WEAK)
  const { typ } = header
  const type = typeof typ === 'string' ? typ.toLowerCase().replace(/^application\//, '') : typ
  if (!TYPES.includes(type as string | undefined))
    throw new errors.InvalidClientAuth('typ (type) of the client assertion is that of another kind of JWT')
  // FAPI 2.0 Security Profile 5.3.2.1: else an assertion made for one of our endpoints works at another.
  if (ctx.oidc.isFapi('2.0') && claims.aud !== ctx.oidc.issuer)
    throw new errors.InvalidClientAuth(
      'aud (audience) of the client assertion must be the issuer, as a string',
    )
  const { iat } = claims
  if (iat === undefined) return
  if (typeof iat !== 'number' || iat > Date.now() / 1000 + AHEAD_SECONDS)
    throw new errors.InvalidClientAuth('iat (issued at) of the client assertion is in the future')
}

/** seconds between `nbf` and `exp` of a request (FAPI 2.0 Message Signing 5.3.1) */
const REQUEST_MOST = 3600

/**
 * In the place of the engine's own `requestObjects.assertJwtClaimsAndHeader`, whose rules are here too.
 * @throws InvalidRequestObject (RFC 9101 6.3)
 */
export async function checkRequestObject(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  header: Record<string, unknown>,
): Promise<void> {
  const isFapi = ctx.oidc.isFapi('2.0') !== undefined
  // As the engine keeps what was pushed; from anybody else it takes no `none`.
  if (header.alg !== 'none' && isTooWeak(ctx, header)) throw new errors.InvalidRequestObject(TOO_WEAK)
  const required = [
    ...(isFapi ? ['exp', 'aud', 'nbf'] : []),
    // CIBA Core 1.0, 7.1.1
    ...(ctx.oidc.route === 'backchannel_authentication' ? ['exp', 'iat', 'nbf', 'jti'] : []),
  ]
  const missing = required.find((claim) => claims[claim] === undefined)
  if (missing) throw new errors.InvalidRequestObject(`Request Object is missing the '${missing}' claim`)
  const lifetime = Number(claims.exp) - Number(claims.nbf)
  if (isFapi && !(lifetime > 0 && lifetime <= REQUEST_MOST))
    throw new errors.InvalidRequestObject("Request Object 'exp' claim too far from 'nbf' claim")
}

const TOO_WEAK = `must be signed with one of ${FAPI_ALGORITHMS.join(', ')} (FAPI 2.0 Security Profile 5.4.1)`

/** A client that has not registered its algorithm may use any that there is, and its profile knows fewer. */
function isTooWeak({ oidc }: KoaContextWithOIDC, { alg }: Record<string, unknown>): boolean {
  return oidc.isFapi('2.0') !== undefined && !FAPI_ALGORITHMS.includes(String(alg))
}
