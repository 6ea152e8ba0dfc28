import { expect } from 'chai'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { get, onEveryStack, post, refusal } from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'

const ORDERS = 'https://orders.example/api'
const STOCK = 'https://stock.example/api'
const settings = {
  RESOURCE_SERVERS: JSON.stringify([
    { audience: ORDERS, scopes: ['orders:read', 'orders:write'], tokenTtl: 120 },
    { audience: STOCK, scopes: ['stock:read'] },
  ]),
}
const machine = {
  client_id: 'machine',
  client_secret: RP_SECRET,
  client_name: 'Nightly job',
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}
const clients = [machine, webClient(), publicClient()]

onEveryStack('client credentials', { settings, overrides: { clients }, people: [] }, (app) => {
  const rp = () => discover(app.issuer, 'machine')
  const ask = (
    form: Record<string, string | string[]>,
    basic: readonly [string, string] = ['machine', RP_SECRET],
  ) => post(`${app.issuer}/token`, { grant_type: 'client_credentials', ...form }, { basic })

  it('gives an opaque token that only introspection can read (RFC 6749 4.4)', async () => {
    const tokens = await client.clientCredentialsGrant(await rp())
    expect(tokens.access_token).to.match(/^[\w-]{43}$/)
    expect(tokens.expires_in).to.equal(600)
    const seen = await client.tokenIntrospection(await rp(), tokens.access_token)
    expect(seen.active).to.equal(true)
    expect(seen.client_id).to.equal('machine')
    expect(seen).to.not.have.property('sub')
  })

  it('gives no refresh token and no ID token: nobody signed in (RFC 6749 4.4.3)', async () => {
    const { json } = await ask({ scope: 'openid offline_access' })
    expect(json.access_token).to.be.a('string')
    expect(json).to.not.have.any.keys('refresh_token', 'id_token')
  })

  it('gives for a resource a JWT that its server verifies by itself (RFC 8707 2, RFC 9068 2)', async () => {
    const tokens = await client.clientCredentialsGrant(await rp(), { resource: ORDERS, scope: 'orders:read' })
    const { payload, protectedHeader } = await jwtVerify(
      tokens.access_token,
      createRemoteJWKSet(new URL(`${app.issuer}/jwks`)),
      { issuer: app.issuer, audience: ORDERS, typ: 'at+jwt', algorithms: ['ES256'] },
    )
    expect(protectedHeader.alg).to.equal('ES256')
    const { iat, exp, jti, ...rest } = payload
    expect(rest).to.deep.equal({
      iss: app.issuer,
      aud: ORDERS,
      client_id: 'machine',
      sub: 'machine',
      scope: 'orders:read',
    })
    expect(jti).to.be.a('string')
    expect(Number(exp) - Number(iat), 'the resource’s own lifetime').to.equal(120)
    expect(tokens.expires_in).to.equal(120)
  })

  it('gives a new jti each time', async () => {
    const config = await rp()
    const [a, b] = await Promise.all(
      [1, 2].map(() => client.clientCredentialsGrant(config, { resource: STOCK, scope: 'stock:read' })),
    )
    const jti = (token?: string) =>
      JSON.parse(Buffer.from(String(token?.split('.')[1]), 'base64url').toString()).jti
    expect(jti(a?.access_token)).to.not.equal(jti(b?.access_token))
  })

  it('gives only scopes of the resource asked for', async () => {
    const { json } = await ask({ resource: STOCK, scope: 'stock:read orders:write' })
    expect(json.scope).to.equal('stock:read')
  })

  it('refuses resources it does not know, and two at once (RFC 8707 2)', async () => {
    const config = await rp()
    const unknown = await refusal(
      client.clientCredentialsGrant(config, { resource: 'https://evil.example/' }),
    )
    expect([unknown.status, unknown.error]).to.deep.equal([400, 'invalid_target'])
    for (const resource of ['not a uri', `${ORDERS}#fragment`, `${ORDERS}/`])
      expect((await ask({ resource })).json.error, resource).to.equal('invalid_target')
    expect((await ask({ resource: [ORDERS, STOCK] })).json.error).to.equal('invalid_target')
  })

  it('refuses clients that are not registered for it (RFC 6749 5.2)', async () => {
    // The engine says invalid_request where RFC 6749 has unauthorized_client; both say: not for you.
    const codes = ['unauthorized_client', 'invalid_request']
    const web = await refusal(client.clientCredentialsGrant(await discover(app.issuer, 'web')))
    expect([web.status, codes.includes(web.error)]).to.deep.equal([400, true])
    const spa = await post(`${app.issuer}/token`, { grant_type: 'client_credentials', client_id: 'spa' })
    expect([spa.status, codes.includes(spa.json.error)]).to.deep.equal([400, true])
  })

  it('wants the right secret', async () => {
    const { status, json } = await ask({}, ['machine', 'x'.repeat(40)])
    expect([status, json.error]).to.deep.equal([401, 'invalid_client'])
  })

  it('opens no userinfo: there is nobody to tell of', async () => {
    const { json } = await ask({ scope: 'openid' })
    expect((await get(`${app.issuer}/userinfo`, { bearer: json.access_token })).status).to.equal(401)
  })

  it('works the same for oauth4webapi', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const me: oauth.Client = { client_id: 'machine' }
    const secret = oauth.ClientSecretBasic(RP_SECRET)
    const request = oauth.clientCredentialsGrantRequest(
      as,
      me,
      secret,
      { resource: STOCK, scope: 'stock:read' },
      options,
    )
    const tokens = await oauth.processClientCredentialsResponse(as, me, await request)
    const incoming = new Request(STOCK, { headers: { authorization: `Bearer ${tokens.access_token}` } })
    const claims = await oauth.validateJwtAccessToken(as, incoming, STOCK, options)
    expect(claims.client_id).to.equal('machine')
  })
})

describe('client credentials for a public client', () => {
  it('stops the start, because anybody could be it (RFC 6749 4.4)', async () => {
    const spa = publicClient({ grant_types: ['client_credentials'], response_types: [] })
    const failure = await startApp({ overrides: { clients: [spa] } }).then(
      async (running) => {
        await running.close()
        return undefined
      },
      (error: Error) => error,
    )
    expect(failure?.message).to.match(/"spa".*grant_types must not hold client_credentials/)
  })
})
