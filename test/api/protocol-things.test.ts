/** APIs, tokens that let applications register, and keys: as an administrator's program keeps them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import * as client from 'openid-client'
import { audited, type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { get, onEveryStack, refusal, sendJson } from '../support/protocol.ts'
import { CALLBACK, discover, RP_SECRET, webClient } from '../support/relying-party.ts'

const APIS = '/api/v1/admin/resource-servers'
const TOKENS = '/api/v1/admin/initial-access-tokens'
const KEYS = '/api/v1/admin/keys'
const ORDERS = 'https://orders.example/api'
const DECLARED = 'https://declared.example/api'
const machine = {
  ...{ client_id: 'machine', client_secret: RP_SECRET, grant_types: ['client_credentials'] },
  ...{ redirect_uris: [], response_types: [] },
}
const settings = {
  RESOURCE_SERVERS: JSON.stringify([{ audience: DECLARED, scopes: ['a'] }]),
  INITIAL_ACCESS_TOKEN: 'an-initial-access-token-of-the-test-0123456789',
}
const options = { people: [], settings, overrides: { clients: [webClient(CONSOLE), machine] } }

onEveryStack('the API: what the protocol stands on', options, (app) => {
  let admin: Caller
  before(async function () {
    this.timeout(120_000)
    admin = await newCaller(app, 'admin', ['admin'])
  })
  const details = async (name: string) =>
    (await audited(app, name)).map(({ detail }) => detail as Record<string, unknown>)
  const byAdmin = async (name: string) =>
    (await details(name)).filter(({ by }) => by === admin.userId).map(({ by: _, ...rest }) => rest)

  describe('APIs', () => {
    const one = `${APIS}/${encodeURIComponent(ORDERS)}`
    const token = async (scope: string) =>
      client.clientCredentialsGrant(await discover(app.issuer, 'machine'), { resource: ORDERS, scope })

    it('are made, and apps get tokens for them', async () => {
      expect((await refusal(token('orders:read'))).error).to.equal('invalid_target')
      const body = { audience: ORDERS, scopes: [{ name: 'orders:read', description: 'See orders' }] }
      const made = await admin.send('POST', APIS, body)
      expect(made.status, made.text).to.equal(201)
      expect(made.json).to.deep.include({ ...body, name: null, token_format: 'jwt', source: 'operator' })
      const { access_token } = await token('orders:read')
      expect(decodeJwt(access_token)).to.deep.include({ aud: ORDERS, scope: 'orders:read' })
      const again = await admin.send('POST', APIS, body)
      expect([again.status, again.json.detail]).to.deep.equal([422, `${ORDERS} is known already: update it`])
      const wrong = await admin.send('POST', APIS, { audience: 'no uri', scopes: [{ name: 'openid' }] })
      expect([wrong.status, wrong.json.code]).to.deep.equal([422, 'invalid_input'])
      expect(wrong.json.detail).to.include('absolute URI').and.to.include('stands for claims')
      expect(await byAdmin('resource_server.created')).to.deep.equal([{ audience: ORDERS }])
    })

    it('are never the one that is built in: who made and ended it would end everybody’s tokens', async () => {
      const own = `${app.issuer}/api`
      const made = await admin.send('POST', APIS, { audience: own, scopes: [{ name: 'users:read' }] })
      expect([made.status, made.json.code]).to.deep.equal([422, 'invalid_input'])
      expect(made.json.detail).to.include('built in')
      for (const [method, path] of [
        ['POST', '/disable'],
        ['DELETE', ''],
      ] as const) {
        const ended = await admin.send(method, `${APIS}/${encodeURIComponent(own)}${path}`)
        expect(ended.status, method).to.equal(422)
      }
      expect((await admin.get('/api/v1/users/me')).status).to.equal(200)
    })

    it('are changed by who has seen what they were', async () => {
      const etag = String((await admin.get(one)).headers.get('etag'))
      const changes = { name: 'Orders', scopes: [{ name: 'orders:read' }, { name: 'orders:write' }] }
      const changed = await admin.send('PATCH', one, changes, { 'if-match': etag })
      expect(changed.status, changed.text).to.equal(200)
      expect(changed.json).to.deep.include({ ...changes, audience: ORDERS, token_format: 'jwt' })
      expect((await token('orders:write')).scope).to.equal('orders:write')
      expect((await admin.send('PATCH', one, changes, { 'if-match': etag })).status).to.equal(412)
      const nameless = await admin.send('PATCH', one, { name: null }, { 'if-match': '*' })
      expect(nameless.json.name).to.equal(null)
      const sneaked = await admin.send('PATCH', one, { source: 'declared' }, { 'if-match': '*' })
      expect(sneaked.json.errors[0].code).to.equal('unknown_field')
      expect(await byAdmin('resource_server.updated')).to.have.length(2)
    })

    it('are disabled, enabled and forgotten', async () => {
      expect((await admin.send('POST', `${one}/disable`)).status).to.equal(204)
      expect((await refusal(token('orders:read'))).error).to.equal('invalid_target')
      expect((await admin.send('POST', `${one}/enable`)).status).to.equal(204)
      await token('orders:read')
      expect((await admin.send('DELETE', one)).status).to.equal(204)
      expect((await admin.send('DELETE', one)).status).to.equal(404)
      expect((await refusal(token('orders:read'))).error).to.equal('invalid_target')
      for (const name of ['disabled', 'enabled', 'deleted'])
        expect(await byAdmin(`resource_server.${name}`), name).to.deep.equal([{ audience: ORDERS }])
    })

    it('that the settings declare are changed there', async () => {
      const declared = `${APIS}/${encodeURIComponent(DECLARED)}`
      expect((await admin.get(declared)).json.source).to.equal('declared')
      for (const answer of [
        await admin.send('PATCH', declared, { name: 'Mine' }, { 'if-match': '*' }),
        await admin.send('DELETE', declared),
      ])
        expect([answer.status, answer.json.code]).to.deep.equal([409, 'declared'])
      expect((await admin.get(declared)).json).to.deep.include({ name: null, status: 'active' })
    })
  })

  it('tokens that let applications register are made, shown once, limited and revoked', async () => {
    const body = { name: 'CI', uses: 1, policy: { redirect_hosts: ['localhost'] } }
    const made = await admin.send('POST', TOKENS, body)
    expect(made.status, made.text).to.equal(201)
    const register = (uri: string, bearer: string) =>
      sendJson('POST', `${app.issuer}/reg`, { redirect_uris: [uri] }, { bearer })
    const { id, value } = made.json
    expect((await register('https://elsewhere.example/cb', value)).status).to.equal(400)
    expect((await register(CALLBACK, value)).status).to.equal(201)
    expect((await register(CALLBACK, value)).status, 'used up').to.equal(401)
    const listed = await admin.get(TOKENS)
    expect(listed.text).to.not.include(value)
    expect(listed.json.items[0]).to.deep.include({
      ...{ id, name: 'CI', uses_left: 0, clients: 1, policy: { redirect_hosts: ['localhost'] } },
      closed_because: 'the initial access token is used up',
    })
    const second = (await admin.send('POST', TOKENS, { name: 'Other', uses: null })).json
    expect((await admin.send('DELETE', `${TOKENS}/${second.id}`)).status).to.equal(204)
    expect((await admin.send('DELETE', `${TOKENS}/${second.id}`)).status).to.equal(404)
    expect((await register(CALLBACK, second.value)).status).to.equal(401)
    expect(await byAdmin('initial_access_token.created')).to.deep.equal([
      { id, name: 'CI' },
      { id: second.id, name: 'Other' },
    ])
    expect(await byAdmin('initial_access_token.revoked')).to.deep.equal([{ id: second.id }])
    expect((await app.sql.dump()).join('\n')).to.not.include(value)
  })

  it('keys are rotated, and revoked by who says so twice', async () => {
    const keys = async (state: string) =>
      (await admin.get(KEYS)).json.items.filter(
        (key: { line: string; state: string }) => key.line === 'ES256' && key.state === state,
      )
    const published = async () =>
      (await get(`${app.issuer}/jwks`)).json.keys.map(({ kid }: { kid: string }) => kid)
    const rotated = await admin.send('POST', `${KEYS}/rotate`, { line: 'ES256' })
    expect(rotated.json.changes).to.deep.equal([{ line: 'ES256', becomes: 'next' }])
    expect((await admin.send('POST', `${KEYS}/rotate`, { line: 'ES256' })).json.changes).to.deep.equal([])
    const [[next], [current]] = await Promise.all([keys('next'), keys('current')])
    expect(await published()).to.include.members([next.kid, current.kid])
    const listed = await admin.get(KEYS)
    expect(listed.text).to.not.match(/"(d|k|x|n|jwk)":/)

    const revoke = (confirm: string) => admin.send('POST', `${KEYS}/${current.kid}/revoke`, { confirm })
    const unsure = await revoke('yes')
    expect([unsure.status, unsure.json.errors[0].pointer]).to.deep.equal([422, '/confirm'])
    expect(await published()).to.include(current.kid)
    expect((await revoke(current.kid)).status).to.equal(200)
    // The node looks again as soon as it hears of it.
    for (let tries = 0; (await published()).includes(current.kid) && tries < 50; tries += 1) await sleep(100)
    expect(await published()).to.not.include(current.kid)
    expect((await revoke(current.kid)).status).to.equal(404)
    const rp = await discover(app.issuer, 'machine')
    const { access_token } = await client.clientCredentialsGrant(rp, { resource: DECLARED, scope: 'a' })
    expect(decodeProtectedHeader(access_token).kid).to.equal(next.kid)
    expect(await byAdmin('signing_key.revoked')).to.deep.equal([{ kid: current.kid, line: 'ES256' }])
    const { items } = await app.app.storage.database.trail.list({ limit: 50 })
    expect(items.find(({ name }) => name === 'signing_key.revoked')?.ip).to.be.a('string')
  })
})
