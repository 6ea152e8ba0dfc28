/** What we ask of client assertions (RFC 7523 3) beyond the engine, which checks `iat` only where there is an `nbf`. */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'

/** Clocks differ; an assertion made further ahead than this was made to be used later (FAPI 2.0 5.3.2.1). */
const AHEAD_SECONDS = 15

export async function checkClientAssertion(
  _ctx: KoaContextWithOIDC,
  claims: Record<string, unknown>,
): Promise<void> {
  const { iat } = claims
  if (iat === undefined) return
  if (typeof iat !== 'number' || iat > Date.now() / 1000 + AHEAD_SECONDS)
    throw new errors.InvalidClientAuth('iat (issued at) of the client assertion is in the future')
}
