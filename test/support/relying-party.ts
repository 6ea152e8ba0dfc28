/** A relying party of the tests: registered by configuration, speaks by `openid-client`, ends at its callback. */
import * as client from 'openid-client'
import type { DeclaredClient } from '../../src/oidc/declared-clients.ts'
import type { Page, UserAgent } from './user-agent.ts'

export const RP_SECRET = 'a-secret-of-the-test-relying-party-0123456789'
export const CALLBACK = 'http://localhost:9/callback'

/** A confidential web app; nothing listens at its callback, the user agent stops there. */
export function webClient(more: Record<string, unknown> = {}): DeclaredClient {
  return {
    client_id: 'web',
    client_secret: RP_SECRET,
    client_name: 'Test web app',
    client_uri: 'http://localhost:9/',
    redirect_uris: [CALLBACK],
    post_logout_redirect_uris: ['http://localhost:9/signed-out'],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    ...more,
  }
}

/** A browser app without a secret. */
export function publicClient(more: Record<string, unknown> = {}): DeclaredClient {
  return {
    client_id: 'spa',
    client_name: 'Test single-page app',
    client_uri: 'http://localhost:9/',
    redirect_uris: [CALLBACK],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
    ...more,
  }
}

export async function discover(
  issuer: string,
  id = 'web',
  secret: string | undefined = RP_SECRET,
): Promise<client.Configuration> {
  const authentication = secret === undefined ? client.None() : client.ClientSecretBasic(secret)
  return client.discovery(new URL(issuer), id, undefined, authentication, {
    execute: [client.allowInsecureRequests],
  })
}

export interface Started {
  url: URL
  checks: { pkceCodeVerifier: string; expectedState: string; expectedNonce: string }
}

/** An authorization request with PKCE, state and nonce. */
export async function begin(
  rp: client.Configuration,
  parameters: Record<string, string> = {},
): Promise<Started> {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const url = client.buildAuthorizationUrl(rp, {
    redirect_uri: CALLBACK,
    scope: 'openid email',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
    ...parameters,
  })
  return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce } }
}

/** Exchanges the code of the callback address. */
export function exchange(
  rp: client.Configuration,
  callback: string,
  started: Started,
  more: Record<string, string> = {},
) {
  return client.authorizationCodeGrant(
    rp,
    new URL(callback),
    { ...started.checks, idTokenExpected: true },
    more,
  )
}

export const PASSWORD = 'a calm keeper of the door'

/** From the address of an authorization request to the callback, by pages only. */
export async function walk(
  agent: UserAgent,
  start: URL | string,
  person: { email: string; password?: string },
): Promise<Page> {
  agent.stopAt = (url) => url.startsWith('http://localhost:9/')
  let page = await agent.get(String(start))
  if (page.url.startsWith(CALLBACK)) return page
  if (page.forms.some(({ action }) => action.endsWith('/sign-in')))
    page = await agent.submit(
      page,
      { identifier: person.email, password: person.password ?? PASSWORD },
      '/sign-in',
    )
  if (page.url.startsWith(CALLBACK)) return page
  if (page.forms.some(({ action }) => action.endsWith('/consent')))
    page = await agent.submit(page, {}, '/consent')
  return page
}
