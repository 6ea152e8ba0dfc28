/** The scope `roles` as apps use it: what a person is in that app, told to that app alone. */
import { expect } from 'chai'
import { decodeJwt } from 'jose'
import * as client from 'openid-client'
import { createPerson } from '../support/people.ts'
import { get, JANE, newAgent, onEveryStack, post, signIn } from '../support/protocol.ts'
import { begin, discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'

const ORDERS = 'https://orders.example/api'
const STOCK = 'https://stock.example/api'
const SEES = 'https://sees.example/api'
const settings = {
  RESOURCE_SERVERS: JSON.stringify([
    { audience: ORDERS, scopes: ['orders:read'], includesRoles: true },
    { audience: STOCK, scopes: ['stock:read'] },
    { audience: SEES, scopes: ['sees:read'], includesRoles: true, tokenFormat: 'opaque' },
  ]),
}
const grants = { grant_types: ['authorization_code', 'refresh_token'] }
const clients = [
  webClient(grants),
  webClient({ client_id: 'other' }),
  webClient({ client_id: 'pair', subject_type: 'pairwise' }),
]

onEveryStack('the scope roles', { settings, overrides: { clients }, people: [] }, (app) => {
  let jane: string
  before(async () => {
    jane = (await createPerson(app, JANE)).id
    const { applicationRoles } = app.app.storage.database
    for (const [clientId, name] of [
      ...(['web', 'other', 'pair'] as const).map((id) => [id, `${id}-user`] as const),
      ['web', 'editor'],
    ] as const) {
      await applicationRoles.insert({ clientId, name, description: '' })
      await applicationRoles.give(jane, clientId, name)
    }
    await applicationRoles.insert({ clientId: 'web', name: 'nobody-has-it', description: '' })
  })

  it('is in the metadata', async () => {
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json.scopes_supported).to.include('roles')
    expect(json.claims_supported).to.include('roles')
  })

  it('tells each app what the person is there, at userinfo, and nothing of another app', async () => {
    for (const [id, roles] of Object.entries({
      web: ['editor', 'web-user'],
      other: ['other-user'],
      pair: ['pair-user'],
    })) {
      const rp = await discover(app.issuer, id)
      const { tokens, sub } = await signIn(rp, { scope: 'openid roles' })
      expect((await client.fetchUserInfo(rp, tokens.access_token, sub)).roles, id).to.deep.equal(roles)
      expect(sub === jane, id).to.equal(id !== 'pair')
      expect(tokens.claims(), 'as of every scope (Core 5.4)').to.not.have.property('roles')
    }
  })

  it('puts them into the ID token for an app that asks for the claim (Core 5.5)', async () => {
    const claims = JSON.stringify({ id_token: { roles: null } })
    const { tokens } = await signIn(await discover(app.issuer), { scope: 'openid', claims })
    expect(tokens.claims()?.roles).to.deep.equal(['editor', 'web-user'])
  })

  it('says nothing to an app that does not ask', async () => {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, { scope: 'openid profile email' })
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.not.have.property('roles')
  })

  it('is told to people in words before they allow it', async () => {
    const rp = await discover(app.issuer, 'other')
    const agent = newAgent()
    const started = await begin(rp, { scope: 'openid roles', prompt: 'consent' })
    const page = await agent.get(started.url.href)
    const consent = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    expect(consent.text).to.include('What you are in this app, and no other.')
  })

  it('reaches the APIs that want it, as long as the app asks, and no others', async () => {
    const rp = await discover(app.issuer)
    const rolesFor = async (resource: string, scope: string) => {
      const { tokens } = await signIn(rp, { scope: `openid ${scope}`, resource }, { exchange: { resource } })
      return { tokens, roles: decodeJwt(tokens.access_token).roles }
    }
    const { tokens, roles } = await rolesFor(ORDERS, 'roles orders:read')
    expect(roles).to.deep.equal(['editor', 'web-user'])
    expect((await rolesFor(ORDERS, 'orders:read')).roles, 'not asked for').to.equal(undefined)
    expect((await rolesFor(STOCK, 'roles stock:read')).roles, 'does not want it').to.equal(undefined)

    const { applicationRoles } = app.app.storage.database
    await applicationRoles.take(jane, 'web', 'editor')
    const refreshed = await client.refreshTokenGrant(rp, String(tokens.refresh_token), { resource: ORDERS })
    expect(decodeJwt(refreshed.access_token).roles, 'as they are now').to.deep.equal(['web-user'])
    const narrower = { resource: ORDERS, scope: 'orders:read' }
    const less = await client.refreshTokenGrant(rp, String(refreshed.refresh_token), narrower)
    expect(decodeJwt(less.access_token).roles, 'asked for less (RFC 6749 6)').to.equal(undefined)
    await applicationRoles.give(jane, 'web', 'editor')

    const opaque = await signIn(
      rp,
      { scope: 'openid roles sees:read', resource: SEES },
      { exchange: { resource: SEES } },
    )
    const asked = { token: opaque.tokens.access_token }
    const seen = await post(`${app.issuer}/introspect`, asked, { basic: ['web', RP_SECRET] })
    expect(seen.json).to.deep.include({ active: true, roles: ['editor', 'web-user'] })
  })

  it('ends with the app, and does not come back with one of its name', async () => {
    const { database } = app.app.storage
    const before = await database.clients.find('other')
    if (!before) throw new Error('no such client')
    await database.clients.delete('other')
    await database.clients.save(before)
    await database.applicationRoles.insert({ clientId: 'other', name: 'other-user', description: '' })
    expect(await database.applicationRoles.namesOf(jane, 'other')).to.deep.equal([])
  })
})
