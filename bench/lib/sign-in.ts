/** Signs a person in by the pages and the authorization code flow, as a browser app would, before the load begins. */
import * as oidc from 'openid-client'
import { UserAgent } from '../../test/support/user-agent.ts'
import { BROWSER_APP, CALLBACK, PERSON } from './clients.ts'

export interface Tokens {
  accessToken: string
  refreshToken: string
}

export async function signIn(issuer: string): Promise<Tokens> {
  const config = await oidc.discovery(new URL(issuer), BROWSER_APP.client_id, undefined, oidc.None(), {
    execute: [oidc.allowInsecureRequests],
  })
  const pkceCodeVerifier = oidc.randomPKCECodeVerifier()
  const expectedState = oidc.randomState()
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: CALLBACK,
    scope: 'openid email',
    state: expectedState,
    code_challenge: await oidc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
  })
  const agent = new UserAgent()
  agent.stopAt = (address) => address.startsWith(CALLBACK)
  let page = await agent.get(url.href)
  if (!page.url.startsWith(CALLBACK))
    page = await agent.submit(page, { identifier: PERSON.email, password: PERSON.password }, '/sign-in')
  if (!page.url.startsWith(CALLBACK)) throw new Error(`the sign-in ended at ${page.url} (${page.status})`)
  const tokens = await oidc.authorizationCodeGrant(config, new URL(page.url), {
    pkceCodeVerifier,
    expectedState,
    idTokenExpected: true,
  })
  if (!tokens.refresh_token) throw new Error('there was no refresh token')
  return { accessToken: tokens.access_token, refreshToken: tokens.refresh_token }
}
