/** What the web app asks of the provider and of the API: discovery, tokens into an account, one call with a token. */
import * as oidc from 'openid-client'
import type { Account } from './sessions.ts'

/** What the app keeps of a token response; of the account before it, when it comes from a refresh. */
export async function accountFrom(
  config: oidc.Configuration,
  tokens: oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers,
  before?: Account,
): Promise<Account> {
  const idToken = tokens.id_token ?? before?.idToken
  const idTokenClaims = tokens.claims() ?? before?.idTokenClaims
  if (idToken === undefined || !idTokenClaims) throw new Error('the provider sent no ID token')

  // OpenID Connect Core 1.0, section 12.2: a refresh never changes who it is about.
  if (before && idTokenClaims.sub !== before.sub)
    throw new Error('the renewed ID token is about somebody else')

  return {
    sub: idTokenClaims.sub,
    sid: typeof idTokenClaims.sid === 'string' ? idTokenClaims.sid : before?.sid,
    idToken,
    idTokenClaims,
    // Section 5.3.2: openid-client checks that the answer is about the same subject.
    userinfo: await oidc.fetchUserInfo(config, tokens.access_token, idTokenClaims.sub),
    accessToken: tokens.access_token,
    accessTokenExpiresAt: expiryOf(tokens),
    // RFC 6749, section 6: a new refresh token takes the place of the old one; none means: keep the old one.
    refreshToken: tokens.refresh_token ?? before?.refreshToken,
    apiToken: before?.apiToken,
  }
}

export function expiryOf(tokens: oidc.TokenEndpointResponseHelpers): Date | undefined {
  const seconds = tokens.expiresIn()
  return seconds === undefined ? undefined : new Date(Date.now() + seconds * 1000)
}

/** OpenID Connect Discovery 1.0: everything about the provider, from its issuer alone. */
export function discover({
  issuer,
  client,
}: {
  issuer: string
  client: { id: string; secret: string }
}): Promise<oidc.Configuration> {
  return oidc.discovery(new URL(issuer), client.id, {}, oidc.ClientSecretBasic(client.secret), {
    execute: [
      // Verify the signature of ID tokens too, since nothing else vouches for them over plain http.
      oidc.enableNonRepudiationChecks,
      // For the evaluation on localhost only: without this, openid-client insists on https.
      ...(issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : []),
    ],
  })
}

/** Calls the API with the token, or without one to show what it answers then. */
export async function callApi(url: string, token: string | undefined) {
  const response = await fetch(url, {
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  })
  return {
    at: new Date(),
    url,
    withToken: token !== undefined,
    status: response.status,
    wwwAuthenticate: response.headers.get('www-authenticate'),
    body: await response.json().catch(() => undefined),
  }
}

/** Runs the function once, and again only if it failed: the provider may start later than this app. */
export function rememberSuccess<T>(load: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined
  return () => {
    result ??= load().catch((error) => {
      result = undefined
      throw error
    })
    return result
  }
}

/** Makes it at the first call and keeps it. */
export function remember<A, T extends object>(make: (argument: A) => T): (argument: A) => T {
  let made: T | undefined
  return (argument) => {
    made ??= make(argument)
    return made
  }
}
