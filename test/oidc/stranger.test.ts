import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import { JANE, newAgent, onEveryStack } from '../support/protocol.ts'
import { CALLBACK, publicClient, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const ORDERS = 'https://orders.example/api'
const settings = { RESOURCE_SERVERS: JSON.stringify([{ audience: ORDERS, scopes: ['orders:read'] }]) }

/** One whole life of an app that was written against the specifications and never saw this house before. */
const overrides = { clients: [webClient(), publicClient()] }
onEveryStack('a stranger’s app built on oauth4webapi', { settings, overrides }, (app) => {
  const insecure = { [oauth.allowInsecureRequests]: true }

  for (const [kind, me, proof] of [
    ['confidential', { client_id: 'web' }, oauth.ClientSecretBasic(RP_SECRET)],
    ['public', { client_id: 'spa' }, oauth.None()],
  ] as [string, oauth.Client, oauth.ClientAuth][])
    it(`discovers, signs in, asks userinfo, introspects, refreshes, calls an API and signs off (${kind})`, async () => {
      const issuer = new URL(app.issuer)
      const discovery = await oauth.discoveryRequest(issuer, insecure)
      const as = await oauth.processDiscoveryResponse(issuer, discovery)

      const verifier = oauth.generateRandomCodeVerifier()
      const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()]
      const url = new URL(String(as.authorization_endpoint))
      url.search = String(
        new URLSearchParams({
          client_id: me.client_id,
          redirect_uri: CALLBACK,
          response_type: 'code',
          scope: 'openid email orders:read',
          resource: ORDERS,
          code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
          code_challenge_method: 'S256',
          state,
          nonce,
        }),
      )
      const callback = new URL((await walk(newAgent(), url, JANE)).url)

      const parameters = oauth.validateAuthResponse(as, me, callback, state)
      const response = await oauth.authorizationCodeGrantRequest(
        ...([as, me, proof, parameters, CALLBACK, verifier, insecure] as const),
      )
      const tokens = await oauth.processAuthorizationCodeResponse(as, me, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      })
      const claims = oauth.getValidatedIdTokenClaims(tokens)
      await oauth.validateApplicationLevelSignature(as, response, insecure)
      const sub = String(claims?.sub)

      const info = await oauth.userInfoRequest(as, me, tokens.access_token, insecure)
      const user = await oauth.processUserInfoResponse(as, me, sub, info)
      expect(user).to.deep.equal({ sub, email: JANE.email, email_verified: true })

      const introspect = async (token: string) => {
        const answer = await oauth.introspectionRequest(as, me, proof, token, insecure)
        return oauth.processIntrospectionResponse(as, me, answer)
      }
      expect((await introspect(tokens.access_token)).active).to.equal(true)

      const refresh = await oauth.refreshTokenGrantRequest(as, me, proof, String(tokens.refresh_token), {
        ...insecure,
        additionalParameters: { resource: ORDERS },
      })
      const forApi = await oauth.processRefreshTokenResponse(as, me, refresh)
      const call = new Request(ORDERS, { headers: { authorization: `Bearer ${forApi.access_token}` } })
      const seen = await oauth.validateJwtAccessToken(as, call, ORDERS, insecure)
      expect([seen.sub, seen.client_id, seen.scope]).to.deep.equal([sub, me.client_id, 'orders:read'])

      const newest = String(forApi.refresh_token ?? tokens.refresh_token)
      await oauth.processRevocationResponse(await oauth.revocationRequest(as, me, proof, newest, insecure))
      expect((await introspect(tokens.access_token)).active).to.equal(false)
    })
})
