/** What we ask of client assertions (RFC 7523 3) beyond the engine, which checks `iat` only where there is an `nbf`. */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** Clocks differ; an assertion made further ahead than this was made to be used later (FAPI 2.0 5.3.2.1). */
const AHEAD_SECONDS = 15
/** An assertion says so or says nothing; a JWT that says it was made for another use is none (RFC 8725 3.11). */
const TYPES = [undefined, 'jwt', 'client-authentication+jwt']

/** @throws InvalidClientAuth (RFC 7523 3.2) */
export async function checkClientAssertion(
  ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
  { typ }: { typ?: unknown },
): Promise<void> {
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
