/** Lifetimes, and who gets refresh tokens. All in seconds. */
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** A refresh token lives this long unused, and its family this long in all (RFC 9700 4.14.2). */
const REFRESH_IDLE = 30 * DAY
const REFRESH_ABSOLUTE = 90 * DAY
/** NIST SP 800-63B-4 2.1.3: reauthentication at AAL1 at least every 30 days. */
const SESSION_IDLE = 7 * DAY
const SESSION_ABSOLUTE = 30 * DAY
/** without "keep me signed in" */
const SESSION_SHORT = 24 * HOUR

const ACCESS_TOKEN = 10 * MINUTE

const now = () => Math.floor(Date.now() / 1000)

/** The engine throws on lifetimes below 1, so an exhausted one becomes a second. */
const atLeastOne = (seconds: number) => Math.max(1, Math.floor(seconds))

export const ttl: NonNullable<Configuration['ttl']> = {
  AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? ACCESS_TOKEN,
  ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? ACCESS_TOKEN,
  AuthorizationCode: MINUTE,
  IdToken: 10 * MINUTE,
  Interaction: HOUR,
  DeviceCode: 10 * MINUTE,
  BackchannelAuthenticationRequest: 5 * MINUTE,
  RefreshToken: (_ctx, token) => atLeastOne(Math.min(REFRESH_IDLE, REFRESH_ABSOLUTE - token.totalLifetime())),
  // A Grant is never extended, so it must outlive every refresh token under it.
  Grant: REFRESH_ABSOLUTE,
  Session: (_ctx, session) => {
    const age = now() - (session.loginTs ?? now())
    const absolute = session.transient ? SESSION_SHORT : SESSION_ABSOLUTE
    const idle = session.transient ? SESSION_SHORT : SESSION_IDLE
    return atLeastOne(Math.min(idle, absolute - age))
  },
}

/**
 * Everybody registered for refresh tokens gets them. Without `offline_access` (OpenID Connect Core 1.0, 11) they
 * end with the session, which is what a single-page app wants; with it they outlive it, after consent.
 */
export async function issueRefreshToken(
  _ctx: KoaContextWithOIDC,
  client: { grantTypeAllowed(type: string): boolean },
): Promise<boolean> {
  return client.grantTypeAllowed('refresh_token')
}

export async function expiresWithSession(
  _ctx: KoaContextWithOIDC,
  source: { scopes: Set<string> },
): Promise<boolean> {
  return !source.scopes.has('offline_access')
}

/** RFC 9700 4.14.2: refresh tokens of public clients rotate on each use unless bound to a key; others late in life. */
export function rotateRefreshToken(ctx: KoaContextWithOIDC): boolean {
  const { RefreshToken: token, Client: client } = ctx.oidc.entities
  if (!token || !client) return false
  if (token.totalLifetime() >= REFRESH_ABSOLUTE) return false
  if (client.clientAuthMethod === 'none' && !token.isSenderConstrained()) return true
  return token.ttlPercentagePassed() >= 70
}
