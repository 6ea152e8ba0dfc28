import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  onEveryStack,
  post,
  refusal,
  type SendOptions,
  signIn,
} from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const clients = [
  webClient({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }),
  publicClient(),
  webClient({ client_id: 'stranger' }),
  webClient({ client_id: 'gateway', first_party: true }),
]
const as = (id: string): SendOptions => ({ basic: [id, RP_SECRET] })

onEveryStack('revocation', { overrides: { clients } }, (app) => {
  const alive = async (token: string) =>
    (await get(`${app.issuer}/userinfo`, { bearer: token })).status === 200
  const revoke = (token: string, options: SendOptions = {}, more: Record<string, string> = {}) =>
    post(`${app.issuer}/revoke`, { token, ...more }, options)

  it('of an access token ends this one and leaves the refresh token (RFC 7009 2.1)', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp)
    const other = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    await client.tokenRevocation(rp, tokens.access_token)
    expect(await alive(tokens.access_token)).to.equal(false)
    expect(await alive(other.access_token), 'its sister').to.equal(true)
    const next = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(await alive(next.access_token)).to.equal(true)
  })

  it('of a refresh token ends all that came of the grant (RFC 7009 2.1)', async () => {
    const rp = await discoverPublic(app.issuer)
    const { tokens } = await signIn(rp)
    const next = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    await client.tokenRevocation(rp, String(next.refresh_token))
    expect(await alive(tokens.access_token)).to.equal(false)
    expect(await alive(next.access_token)).to.equal(false)
    const { error } = await refusal(client.refreshTokenGrant(rp, String(next.refresh_token)))
    expect(error).to.equal('invalid_grant')
  })

  it('of one sign-in leaves the same person’s other sign-ins alone', async () => {
    const rp = await discover(app.issuer)
    const [one, other] = [await signIn(rp), await signIn(rp)]
    await client.tokenRevocation(rp, String(one.tokens.refresh_token))
    expect(await alive(one.tokens.access_token)).to.equal(false)
    expect(await alive(other.tokens.access_token)).to.equal(true)
  })

  it('of a machine’s token ends it', async () => {
    const rp = await discover(app.issuer)
    const { access_token } = await client.clientCredentialsGrant(rp)
    expect((await client.tokenIntrospection(rp, access_token)).active).to.equal(true)
    await client.tokenRevocation(rp, access_token)
    expect((await client.tokenIntrospection(rp, access_token)).active).to.equal(false)
  })

  it('finds the token whatever the hint says (RFC 7009 2.1)', async () => {
    const rp = await discover(app.issuer)
    for (const hint of ['refresh_token', 'access_token', 'nonsense']) {
      const { tokens } = await signIn(rp)
      await client.tokenRevocation(rp, tokens.access_token, { token_type_hint: hint })
      expect(await alive(tokens.access_token), hint).to.equal(false)
    }
  })

  it('does not end a stranger’s token, not even for the operator’s own services', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    for (const options of [as('stranger'), as('gateway')])
      for (const token of [tokens.access_token, String(tokens.refresh_token)])
        expect((await revoke(token, options)).status).to.equal(200)
    await revoke(String(tokens.refresh_token), {}, { client_id: 'spa' })
    expect(await alive(tokens.access_token)).to.equal(true)
    const next = await client.refreshTokenGrant(await discover(app.issuer), String(tokens.refresh_token))
    expect(next.access_token).to.be.a('string')
  })

  it('answers what it does not know like what it revoked (RFC 7009 2.2)', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp)
    const answers = [
      await revoke(tokens.access_token, as('web')),
      await revoke(tokens.access_token, as('web')),
      await revoke('never-issued', as('web')),
    ]
    for (const { status, text } of answers) expect([status, text]).to.deep.equal([200, ''])
  })

  it('gives its empty answer no content type, which browser libraries take for a wrong one', async () => {
    const { headers } = await revoke('never-issued', as('web'))
    expect(headers.get('content-type')).to.equal(null)
  })

  it('wants to know who asks, and what about', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    const wrong = await revoke(tokens.access_token, { basic: ['web', 'x'.repeat(40)] })
    expect([wrong.status, wrong.json.error]).to.deep.equal([401, 'invalid_client'])
    expect((await revoke(tokens.access_token)).status).to.be.oneOf([400, 401])
    expect(await alive(tokens.access_token)).to.equal(true)
    const missing = await post(`${app.issuer}/revoke`, {}, as('web'))
    expect([missing.status, missing.json.error]).to.deep.equal([400, 'invalid_request'])
  })

  it('works the same for oauth4webapi', async () => {
    const { tokens } = await signIn(await discoverPublic(app.issuer))
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const spa: oauth.Client = { client_id: 'spa' }
    const request = oauth.revocationRequest(server, spa, oauth.None(), String(tokens.refresh_token), options)
    expect(await oauth.processRevocationResponse(await request)).to.equal(undefined)
    expect(await alive(tokens.access_token)).to.equal(false)
  })
})
