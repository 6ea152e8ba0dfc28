import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as client from 'openid-client'
import { createPerson } from '../support/people.ts'
import { discoverPublic, onEveryStack, post, type SendOptions, signIn } from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const API = 'https://orders.example'
const OTHER_API = 'https://stock.example'
const PUBLIC_API = 'https://public.example'
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
  webClient({
    client_id: 'machine',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  }),
  webClient({ client_id: API }),
  webClient({ client_id: OTHER_API }),
  publicClient({ client_id: PUBLIC_API }),
]
const settings = {
  RESOURCE_SERVERS: JSON.stringify(
    [API, OTHER_API].map((audience) => ({ audience, scopes: ['orders:read'], tokenFormat: 'opaque' })),
  ),
}
const as = (id: string): SendOptions => ({ basic: [id, RP_SECRET] })

onEveryStack('introspection', { settings, overrides: { clients } }, (app) => {
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
    // Whoever removes the row by hand removes nothing else, and the change is seen within a second.
    await app.sql.query(`delete from clients where id = 'doomed'`)
    await sleep(1000)
    expect(await activity()).to.deep.equal([{ active: false }, { active: false }, { active: false }])
  })

  it('says of a disabled or deleted person’s tokens that they are not active, to whoever asks', async () => {
    const rp = await discover(app.issuer)
    const { users } = app.app.storage.database
    const person = await createPerson(app, { email: 'leaving@example.org' })
    const { tokens } = await signIn(rp, {}, { person })
    const seen = async () => {
      const all = []
      for (const token of [tokens.access_token, String(tokens.refresh_token)])
        for (const id of ['web', 'gateway']) all.push((await ask(token, as(id))).json)
      return all.map(({ active }) => active)
    }
    expect(await seen()).to.deep.equal([true, true, true, true])
    // The status alone, without all that ends with it.
    await users.setStatus(person.id, 'disabled')
    expect(await seen()).to.deep.equal([false, false, false, false])
    await users.setStatus(person.id, 'active')
    expect(await seen()).to.deep.equal([true, true, true, true])
    await users.delete(person.id)
    expect(await seen()).to.deep.equal([false, false, false, false])
  })

  it('shows each token to whom it concerns and to nobody else (RFC 7662 4)', async () => {
    const own = await signIn(await discover(app.issuer))
    const forApi = await signIn(
      await discover(app.issuer),
      { resource: API, scope: 'openid orders:read', prompt: 'consent' },
      { exchange: { resource: API } },
    )
    const machine = await client.clientCredentialsGrant(await discover(app.issuer, 'machine'), {
      resource: API,
      scope: 'orders:read',
    })
    const tokens = {
      'access token': own.tokens.access_token,
      'refresh token': String(own.tokens.refresh_token),
      'access token for the API': forApi.tokens.access_token,
      'machine’s token for the API': machine.access_token,
    }
    const seers: Record<string, SendOptions> = {
      web: as('web'),
      machine: as('machine'),
      API: as(API),
      'other API': as(OTHER_API),
      stranger: as('stranger'),
      gateway: as('gateway'),
    }
    const mine = ['web', 'gateway']
    const concerns: Record<keyof typeof tokens, string[]> = {
      'access token': mine,
      'refresh token': mine,
      'access token for the API': [...mine, 'API'],
      'machine’s token for the API': ['machine', 'gateway', 'API'],
    }
    for (const [what, token] of Object.entries(tokens) as [keyof typeof tokens, string][])
      for (const [who, options] of Object.entries(seers)) {
        const { status, json } = await ask(token, options)
        expect([status, json.active], `${who} asks about the ${what}`).to.deep.equal([
          200,
          concerns[what].includes(who),
        ])
        if (!json.active) expect(json).to.deep.equal({ active: false })
      }
    const { json } = await ask(forApi.tokens.access_token, as(API))
    expect(json).to.include({ client_id: 'web', aud: API, scope: 'orders:read', sub: own.sub })
    // A public client of that name is nobody: anybody can be it.
    for (const id of ['spa', PUBLIC_API])
      expect((await ask(tokens['access token for the API'], {}, { client_id: id })).json.active).to.equal(
        false,
      )
  })
})
