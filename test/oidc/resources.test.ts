import { expect } from 'chai'
import { createRemoteJWKSet, decodeJwt, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { get, JANE, newAgent, onEveryStack, post, refusal, responseOf, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const ORDERS = 'https://orders.example/api'
const STOCK = 'https://stock.example/api'
const settings = {
  RESOURCE_SERVERS: JSON.stringify([
    { audience: ORDERS, scopes: ['orders:read', 'orders:write'] },
    { audience: STOCK, scopes: ['stock:read'] },
  ]),
}

onEveryStack('resource indicators', { settings, overrides: { clients: [webClient()] } }, (app) => {
  const forOrders = { scope: 'openid email orders:read', resource: ORDERS }
  const verify = (token: string) =>
    jwtVerify(token, createRemoteJWKSet(new URL(`${app.issuer}/jwks`)), {
      issuer: app.issuer,
      audience: ORDERS,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['iss', 'exp', 'aud', 'sub', 'client_id', 'iat', 'jti'],
    })

  it('gives a JWT access token that names person, app, audience and scope (RFC 9068 2.2)', async () => {
    const { tokens, sub } = await signIn(await discover(app.issuer), forOrders, {
      exchange: { resource: ORDERS },
    })
    const { payload } = await verify(tokens.access_token)
    expect(payload.sub).to.equal(sub)
    expect(payload.client_id).to.equal('web')
    expect(payload.scope).to.equal('orders:read')
    expect(payload).to.not.have.any.keys('email', 'name', 'nonce')
    expect(tokens.expires_in).to.equal(300)
  })

  it('gives a token that oauth4webapi’s resource server accepts (RFC 9068 4)', async () => {
    const { tokens } = await signIn(await discover(app.issuer), forOrders, { exchange: { resource: ORDERS } })
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const request = () => new Request(ORDERS, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const claims = await oauth.validateJwtAccessToken(as, request(), ORDERS, options)
    expect(claims.scope).to.equal('orders:read')
    const elsewhere = await oauth
      .validateJwtAccessToken(as, request(), STOCK, options)
      .catch((error) => error)
    expect(elsewhere).to.be.instanceOf(Error)
  })

  it('shows the person which API and which of its scopes are asked for, before anything is given', async () => {
    const agent = newAgent()
    const started = await begin(await discover(app.issuer), { scope: 'openid stock:read', resource: STOCK })
    const signInPage = await agent.get(started.url.href)
    const credentials = { identifier: JANE.email, password: 'a calm keeper of the door' }
    const consent = await agent.submit(signInPage, credentials, '/sign-in')
    expect(consent.text).to.include(STOCK).and.to.include('stock:read')
    const { url } = await agent.submit(consent, {}, '/consent')
    expect(responseOf(url).code).to.be.a('string')
  })

  it('refuses a resource it does not know and tells the app (RFC 8707 2)', async () => {
    for (const resource of ['https://evil.example/', 'not a uri', `${ORDERS}#f`, `${ORDERS}/`]) {
      const started = await begin(await discover(app.issuer), { resource })
      const { url } = await newAgent().get(started.url.href)
      expect(responseOf(url), resource).to.include({
        error: 'invalid_target',
        state: started.checks.expectedState,
        iss: app.issuer,
      })
    }
  })

  it('refuses at the token endpoint a resource that was not asked for before (RFC 8707 2.2)', async () => {
    const rp = await discover(app.issuer)
    const started = await begin(rp, forOrders)
    const { url } = await walk(newAgent(), started.url, JANE)
    const form = {
      grant_type: 'authorization_code',
      code: String(responseOf(url).code),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
      resource: STOCK,
    }
    const { status, json } = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect([status, json.error]).to.deep.equal([400, 'invalid_target'])
  })

  it('gives a token for userinfo and, by refresh, one for the API', async () => {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, forOrders)
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.include({ email: JANE.email })
    const again = await client.refreshTokenGrant(rp, String(tokens.refresh_token), { resource: ORDERS })
    const { payload } = await verify(again.access_token)
    expect(payload.scope).to.equal('orders:read')
    const { error } = await refusal(
      client.refreshTokenGrant(rp, String(tokens.refresh_token), { resource: STOCK }),
    )
    expect(error).to.equal('invalid_target')
  })

  it('never widens the scope for an API at refresh (RFC 6749 6)', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp, forOrders)
    const wider = { resource: ORDERS, scope: 'openid orders:read orders:write' }
    const { error } = await refusal(client.refreshTokenGrant(rp, String(tokens.refresh_token), wider))
    expect(error).to.equal('invalid_scope')
    const same = await client.refreshTokenGrant(rp, String(tokens.refresh_token), { resource: ORDERS })
    expect(decodeJwt(same.access_token).scope).to.equal('orders:read')
  })

  it('does not take an API’s token at userinfo, nor for introspection and revocation', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp, forOrders, { exchange: { resource: ORDERS } })
    expect((await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(401)
    for (const endpoint of ['introspect', 'revoke']) {
      const form = { token: tokens.access_token }
      const { status, json } = await post(`${app.issuer}/${endpoint}`, form, { basic: ['web', RP_SECRET] })
      expect([status, json.error], endpoint).to.deep.equal([400, 'unsupported_token_type'])
    }
  })
})
