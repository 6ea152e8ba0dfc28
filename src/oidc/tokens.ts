/** Lifetimes, and who gets refresh tokens. All in seconds. */
import type { Client, Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { Lifetimes } from '../config/config.ts'
import { isApiClient, isApiSignIn } from './api-client.ts'
import { requestLifetime } from './ciba.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE

const ACCESS_TOKEN = 10 * MINUTE
export const ID_TOKEN = 10 * MINUTE
export const DEVICE_CODE = 10 * MINUTE

const now = () => Math.floor(Date.now() / 1000)

/** The engine throws on lifetimes below 1, so an exhausted one becomes a second. */
const atLeastOne = (seconds: number) => Math.max(1, Math.floor(seconds))

export function ttl({ session, remembered, refresh, api }: Lifetimes): NonNullable<Configuration['ttl']> {
  return {
    AccessToken: (_ctx, token, client) =>
      isApiClient(client) ? api.access : (token.resourceServer?.accessTokenTTL ?? ACCESS_TOKEN),
    ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? ACCESS_TOKEN,
    AuthorizationCode: MINUTE,
    IdToken: ID_TOKEN,
    Interaction: HOUR,
    DeviceCode: DEVICE_CODE,
    BackchannelAuthenticationRequest: requestLifetime,
    // Unused for so long, and its family so long in all (RFC 9700 4.14.2). What is never replaced is never idle.
    RefreshToken: (ctx, token, client) =>
      isApiClient(client)
        ? atLeastOne(api.refresh - token.totalLifetime())
        : isKept(ctx, client)
          ? refresh.most
          : atLeastOne(Math.min(refresh.idle, refresh.most - token.totalLifetime())),
    // A Grant belongs to a session and is never extended; the last refresh token under it begins when that ends.
    Grant: Math.max(session.most, remembered.most, api.refresh) + refresh.most,
    Session: (ctx, it) => sessionLifetime({ session, remembered, api }, it, isApiSignIn(ctx)),
  }
}

/**
 * Of a session that was used now: idle and in all, from the sign-in on.
 * @param byApi it stands behind tokens of the API's own sign-in, which nothing but their end makes idle
 */
export function sessionLifetime(
  { session, remembered, api }: Pick<Lifetimes, 'session' | 'remembered' | 'api'>,
  { transient, loginTs }: { transient?: boolean | undefined; loginTs?: number | undefined },
  byApi = false,
): number {
  const whole = { idle: api.refresh, most: api.refresh }
  const { idle, most } = byApi ? whole : transient ? session : remembered
  const age = now() - (loginTs ?? now())
  return atLeastOne(Math.min(idle, most - age))
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

/**
 * RFC 9700 4.14.2: refresh tokens of public clients rotate on each use unless bound to a key; others late in life, so
 * that who keeps using them keeps them. FAPI 2.0 Security Profile 5.3.2.1: not at all where client and key are proven
 * anyway.
 */
export function rotateRefreshToken({ refresh }: Lifetimes) {
  return (ctx: KoaContextWithOIDC): boolean => {
    const { RefreshToken: token, Client: client } = ctx.oidc.entities
    if (!token || !client || isKept(ctx, client)) return false
    if (!isApiClient(client) && token.totalLifetime() >= refresh.most) return false
    if (client.clientAuthMethod === 'none' && !token.isSenderConstrained()) return true
    return token.ttlPercentagePassed() >= 70
  }
}

/** A confidential client whose access tokens are bound, by registration (RFC 8705 3) or the proof it sends (RFC 9449 5). */
function isKept(ctx: KoaContextWithOIDC, client: Client): boolean {
  const bound =
    client.dpopBoundAccessTokens === true ||
    client.tlsClientCertificateBoundAccessTokens === true ||
    ctx.get('DPoP') !== ''
  return bound && client.clientAuthMethod !== 'none'
}
