/** Two secrets that work while an application changes over: both authenticate, the former one until its end and no longer. */
import { expect } from 'chai'
import pg from 'pg'
import { audited, type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { onEveryStack, post } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'

const CLIENTS = '/api/v1/admin/clients'
const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000 } },
}

onEveryStack('the API: secrets of applications', options, (app) => {
  let admin: Caller
  before(async () => {
    admin = await newCaller(app, 'admin', ['admin'])
  })

  const newClient = async (method = 'client_secret_basic') => {
    const metadata = {
      ...{ redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
      ...{ token_endpoint_auth_method: method, client_name: 'A service' },
    }
    const { json, status, text } = await admin.send('POST', CLIENTS, { metadata })
    expect(status, text).to.equal(201)
    return { id: json.client_id as string, secret: json.client_secret as string }
  }
  const works = async (id: string, secret: string, by: 'basic' | 'post' = 'basic') => {
    const form = { grant_type: 'client_credentials', scope: 'openid' }
    const { json, status } =
      by === 'basic'
        ? await post(`${app.issuer}/token`, form, { basic: [id, secret] })
        : await post(`${app.issuer}/token`, { ...form, client_id: id, client_secret: secret })
    if (json.error === 'invalid_client') return false
    expect(status, JSON.stringify(json)).to.be.below(500)
    return true
  }
  const replace = async (id: string, query = '') => {
    const { json, status, text } = await admin.send('POST', `${CLIENTS}/${id}/secret${query}`)
    expect(status, text).to.equal(200)
    return json.client_secret as string
  }
  const listed = async (id: string) => (await admin.get(`${CLIENTS}/${id}/secrets`)).json.items
  const eventually = async (check: () => Promise<boolean>) => {
    for (let tries = 0; tries < 100 && !(await check()); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await check()).to.equal(true)
  }

  for (const by of ['basic', 'post'] as const)
    it(`both work by client_secret_${by}, then the former ends`, async () => {
      const { id, secret: first } = await newClient(`client_secret_${by}`)
      const second = await replace(id)
      expect(await works(id, first, by)).to.equal(true)
      expect(await works(id, second, by)).to.equal(true)
      expect(await works(id, `${first}x`, by)).to.equal(false)
      await app.sql.query(
        `update client_secrets set expires_at = now() - interval '1 second' where slot = 'former' and client_id = $1`,
        [id],
      )
      expect(await works(id, first, by)).to.equal(false)
      expect(await works(id, second, by)).to.equal(true)
      expect((await listed(id)).map(({ id }: { id: string }) => id)).to.deep.equal(['current'])
    })

  it('are two at most: with a third the first is dead', async () => {
    const { id, secret: first } = await newClient()
    const second = await replace(id)
    const third = await replace(id, '?keep_days=1')
    expect([await works(id, first), await works(id, second), await works(id, third)]).to.deep.equal([
      ...[false, true, true],
    ])
    const fourth = await replace(id, '?expire_now=true')
    expect([await works(id, second), await works(id, third), await works(id, fourth)]).to.deep.equal([
      ...[false, false, true],
    ])
    const records = (await audited(app, 'client.secret_replaced')).filter(({ client_id }) => client_id === id)
    expect(records.map(({ detail }) => detail)).to.deep.equal(
      [7, 1, 0].map((days) => ({ by: admin.userId, kept_days: days })),
    )
  })

  it('are listed with their days and without themselves; one still in use is warned of', async () => {
    const { id, secret: first } = await newClient()
    const second = await replace(id)
    const before = await listed(id)
    expect(
      before.map((one: { id: string; last_used_on: unknown }) => [one.id, one.last_used_on]),
    ).to.deep.equal([
      ['current', null],
      ['former', null],
    ])
    const days = (Date.parse(before[1].expires_at) - Date.parse(before[0].made_at)) / 86_400_000
    expect(days).to.be.closeTo(7, 0.01)
    const codes = async () =>
      (await admin.get(`${CLIENTS}/${id}/lint`)).json.items.map(({ code }: { code: string }) => code)
    expect(await codes()).to.not.include('former-secret-in-use')
    await works(id, first)
    await works(id, second)
    await eventually(async () =>
      (await listed(id)).every((one: { last_used_on: unknown }) => one.last_used_on),
    )
    expect(await codes()).to.include('former-secret-in-use')
    const { text } = await admin.get(`${CLIENTS}/${id}/secrets`)
    expect(text).to.not.include(first).and.not.include(second).and.not.include('hmac')
    const [version] = await app.sql.query<{ version: string }>('select version from clients where id = $1', [
      id,
    ])
    expect(Number(version?.version), 'a use is no change of the client').to.equal(2)
  })

  it('the former one is revoked at once, and once', async () => {
    const { id, secret: first } = await newClient()
    const second = await replace(id)
    expect((await admin.send('DELETE', `${CLIENTS}/${id}/secrets/former`)).status).to.equal(204)
    expect([await works(id, first), await works(id, second)]).to.deep.equal([false, true])
    expect((await admin.send('DELETE', `${CLIENTS}/${id}/secrets/former`)).status).to.equal(404)
    const records = (await audited(app, 'client.secret_revoked')).filter(({ client_id }) => client_id === id)
    expect(records.map(({ detail }) => detail)).to.deep.equal([{ by: admin.userId }])
  })

  it("is nobody else's: the former secret of one opens no other application", async () => {
    const one = await newClient()
    const other = await newClient()
    await replace(one.id)
    await replace(other.id)
    expect(await works(other.id, one.secret)).to.equal(false)
  })

  it('replaced by many at once: two work in the end, and those who were answered last know one of them', async () => {
    const { id } = await newClient()
    const secrets = await Promise.all(Array.from({ length: 6 }, () => replace(id)))
    const good: boolean[] = []
    for (const secret of secrets) good.push(await works(id, secret))
    expect(good.filter(Boolean)).to.have.length(2)
  })

  it('a store that cannot say now is 503, and no fault', async () => {
    // The embedded database has one session: nobody else locks anything.
    if (app.stack === 'pglite') return
    const { id, secret } = await newClient()
    const direct = new pg.Client({ connectionString: String(app.secrets.databaseUrl) })
    await direct.connect()
    try {
      await direct.query('begin; lock table client_secrets in access exclusive mode')
      const form = { grant_type: 'client_credentials', scope: 'openid' }
      const { status, json } = await post(`${app.issuer}/token`, form, { basic: [id, `${secret}x`] })
      expect([status, json.error]).to.deep.equal([503, 'temporarily_unavailable'])
    } finally {
      await direct.end()
    }
  })

  it('bounds are kept', async () => {
    const { id } = await newClient()
    for (const query of ['?keep_days=0', '?keep_days=91', '?keep_days=x', '?expire_now=1'])
      expect((await admin.send('POST', `${CLIENTS}/${id}/secret${query}`)).status, query).to.equal(400)
  })
})
