import { expect } from 'chai'
import * as client from 'openid-client'
import { discoverPublic, onEveryStack, post, type SendOptions, signIn } from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const clients = [
  webClient(),
  publicClient(),
  webClient({ client_id: 'stranger' }),
  webClient({ client_id: 'gateway', first_party: true }),
  publicClient({ client_id: 'own-spa', first_party: true }),
  webClient({
    client_id: 'doomed',
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  }),
]
const as = (id: string): SendOptions => ({ basic: [id, RP_SECRET] })

onEveryStack('introspection', { overrides: { clients } }, (app) => {
  const ask = (token: string, options: SendOptions, more: Record<string, string> = {}) =>
    post(`${app.issuer}/introspect`, { token, ...more }, options)

  it('tells a client about its own access token (RFC 7662 2.2)', async () => {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp)
    const { exp, iat, ...rest } = await client.tokenIntrospection(rp, tokens.access_token)
    expect(rest).to.deep.equal({
      active: true,
      client_id: 'web',
      iss: app.issuer,
      scope: 'openid email',
      sub,
      token_type: 'Bearer',
    })
    expect(Number(exp) - Number(iat)).to.equal(600)
  })

  it('tells a client about its own refresh token, with or without a right or a wrong hint', async () => {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp)
    for (const hint of [undefined, 'refresh_token', 'access_token', 'nonsense']) {
      const more = hint === undefined ? undefined : { token_type_hint: hint }
      const seen = await client.tokenIntrospection(rp, String(tokens.refresh_token), more)
      expect([seen.active, seen.sub], hint).to.deep.equal([true, sub])
    }
  })

  it('tells another client nothing but that it is not active (RFC 7662 4)', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    for (const token of [tokens.access_token, String(tokens.refresh_token)]) {
      const { status, json } = await ask(token, as('stranger'))
      expect(status).to.equal(200)
      expect(json).to.deep.equal({ active: false })
    }
  })

  it('tells the operator’s own confidential services about all tokens', async () => {
    const { tokens, sub } = await signIn(await discoverPublic(app.issuer))
    const { json } = await ask(tokens.access_token, as('gateway'))
    expect(json).to.include({ active: true, client_id: 'spa', sub })
  })

  it('does not tell a public client about others, first-party or not: anybody can be it', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    const { json } = await ask(tokens.access_token, {}, { client_id: 'own-spa' })
    expect(json).to.deep.equal({ active: false })
  })

  it('wants to know who asks (RFC 7662 2.1)', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    for (const options of [{}, { basic: ['web', 'x'.repeat(40)] as const }]) {
      const { status, json } = await ask(tokens.access_token, options)
      expect(status).to.be.oneOf([400, 401])
      expect(json).to.not.have.property('active')
    }
  })

  it('says of what is no token of ours, or a code, that it is not active', async () => {
    for (const token of ['nonsense', 'a'.repeat(2000), '💥', "'; drop table clients; --"]) {
      const { status, json } = await ask(token, as('gateway'))
      expect(status, token.slice(0, 20)).to.equal(200)
      expect(json).to.deep.equal({ active: false })
    }
    const missing = await post(`${app.issuer}/introspect`, {}, as('gateway'))
    expect([missing.status, missing.json.error]).to.deep.equal([400, 'invalid_request'])
  })

  it('says of a token past its time that it is not active', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('AccessToken', tokens.access_token)
    const past = Math.floor(Date.now() / 1000) - 60
    await artifacts.upsert('AccessToken', tokens.access_token, { ...payload, exp: past }, 60)
    expect((await ask(tokens.access_token, as('web'))).json).to.deep.equal({ active: false })
  })

  it('answers that a token is not active when its client is gone, person’s or machine’s', async () => {
    const rp = await discover(app.issuer, 'doomed')
    const { tokens } = await signIn(rp)
    const machine = await client.clientCredentialsGrant(rp)
    const all = [tokens.access_token, String(tokens.refresh_token), machine.access_token]
    const activity = () => Promise.all(all.map(async (token) => (await ask(token, as('gateway'))).json))
    expect((await activity()).map(({ active }) => active)).to.deep.equal([true, true, true])
    // Whoever removes the row by hand removes nothing else.
    await app.sql.query(`delete from clients where id = 'doomed'`)
    expect(await activity()).to.deep.equal([{ active: false }, { active: false }, { active: false }])
  })
})
