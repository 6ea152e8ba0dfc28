/** Applications, the record of events and the system, as an administrator's program sees and changes them. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { audited, type Caller, CONSOLE, newCaller, signedIn } from '../support/api.ts'
import { get, onEveryStack, post, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, webClient } from '../support/relying-party.ts'
import { ROOT } from '../support/source-tree.ts'

const CLIENTS = '/api/v1/admin/clients'
const ANY = { 'if-match': '*' }
const METADATA = {
  client_name: 'Made by API',
  redirect_uris: [CALLBACK],
  grant_types: ['authorization_code'],
}

onEveryStack('the API: applications', { people: [], overrides: { clients: [webClient(CONSOLE)] } }, (app) => {
  let admin: Caller
  let made: { id: string; secret: string }
  before(async () => {
    admin = await newCaller(app, 'admin', ['admin'])
  })
  const isTaken = async (id: string, secret: string) => {
    const { status } = await post(`${app.issuer}/introspect`, { token: 'x' }, { basic: [id, secret] })
    return status === 200
  }

  it('are created and work, with a secret that is shown once and kept as a digest', async () => {
    const body = { metadata: METADATA }
    const headers = { 'idempotency-key': 'create-client-1' }
    const { status, json, text } = await admin.send('POST', CLIENTS, body, headers)
    expect(status, text).to.equal(201)
    expect(json).to.deep.include({
      ...{ first_party: false, source: 'configuration', status: 'active', has_secret: true },
      metadata: METADATA,
    })
    made = { id: json.client_id, secret: json.client_secret }
    const again = await admin.send('POST', CLIENTS, body, headers)
    expect(again.json, 'the lost answer').to.deep.equal(json)

    const rp = await discover(app.issuer, made.id, made.secret)
    const { tokens } = await signIn(rp, {}, { person: { email: admin.email } })
    expect(tokens.access_token).to.be.a('string')
    const { text: read } = await admin.get(`${CLIENTS}/${made.id}`)
    expect(read).to.not.include(made.secret).and.not.include('hmac')
    const dump = (await app.sql.dump()).join('\n')
    expect(dump).to.include(made.id).and.not.include(made.secret)
    const [record] = (await audited(app, 'client.created')).filter(({ client_id }) => client_id === made.id)
    expect(record?.detail).to.deep.equal({ by: admin.userId })
  })

  it('are refused where the protocol refuses them, with the member and the reason', async () => {
    const bad = { ...METADATA, redirect_uris: ['http://app.example/callback'] }
    const { status, json } = await admin.send('POST', CLIENTS, { metadata: bad })
    expect([status, json.code]).to.deep.equal([422, 'invalid_input'])
    expect(json.errors[0]).to.deep.include({ pointer: '/metadata/redirect_uris' })
    expect(json.errors[0].detail).to.include('must be https')
    for (const name of ['client_secret', 'first_party', 'client_id', 'self_registered']) {
      const sneaked = await admin.send('POST', CLIENTS, { metadata: { ...METADATA, [name]: 'x' } })
      expect(sneaked.status, name).to.equal(422)
    }
    // Who may ask people for their passwords is written in CLIENTS_FILE and nowhere else.
    const asksForPasswords = { ...METADATA, first_party_challenge: true }
    const own = await admin.send('POST', CLIENTS, { first_party: true, metadata: asksForPasswords })
    expect(own.status, own.text).to.equal(422)
    expect(
      (await admin.send('PATCH', `${CLIENTS}/web`, { metadata: asksForPasswords }, ANY)).status,
    ).to.equal(422)
    const taken = await admin.send('POST', CLIENTS, { client_id: 'web', metadata: METADATA })
    expect([taken.status, taken.json.code]).to.deep.equal([409, 'client_taken'])
  })

  it('that may ask for passwords are refused a list of grants that is none', async () => {
    await app.sql.query(
      `update clients set metadata = metadata || '{"first_party_challenge": true}' where id = $1`,
      [made.id],
    )
    const path = `${CLIENTS}/${made.id}`
    const { status, json } = await admin.send('PATCH', path, { metadata: { grant_types: 5 } }, ANY)
    expect([status, json.code]).to.deep.equal([422, 'invalid_input'])
    await app.sql.query(`update clients set metadata = metadata - 'first_party_challenge' where id = $1`, [
      made.id,
    ])
  })

  it('that act for owners unasked are theirs alone: through them an admin would be one', async () => {
    const owner = await newCaller(app, 'owner', ['owner'])
    const own = { first_party: true, metadata: METADATA }
    const isRefused = async (method: string, path: string, body?: object) => {
      const { status, json } = await admin.send(method, path, body, ANY)
      expect([status, json?.code], `${method} ${path}`).to.deep.equal([403, 'forbidden'])
    }
    const elsewhere = { metadata: { redirect_uris: ['https://evil.example/cb'] } }
    await isRefused('POST', CLIENTS, own)
    await isRefused('PATCH', `${CLIENTS}/web`, elsewhere)
    await isRefused('POST', `${CLIENTS}/web/secret`)
    expect((await owner.send('POST', CLIENTS, own)).status).to.equal(201)
    // Nor an app's that was given less than its owner has.
    const narrow = await signedIn(app, owner.email, { scopes: ['clients:write'] })
    for (const [method, path, body] of [
      ['POST', CLIENTS, own],
      ['PATCH', `${CLIENTS}/web`, elsewhere],
      ['POST', `${CLIENTS}/web/secret`, undefined],
    ] as const) {
      const { status, json } = await narrow.send(method, path, body, ANY)
      expect([status, json?.code], `${method} ${path}`).to.deep.equal([403, 'forbidden'])
    }

    const { json } = await admin.send('POST', CLIENTS, { metadata: METADATA })
    const path = `${CLIENTS}/${json.client_id}`
    const renamed = { metadata: { client_name: 'Still free' } }
    const rp = await discover(app.issuer, json.client_id, json.client_secret)
    await signedIn(app, owner.email, { rp, scopes: ['users:write'] })
    expect((await admin.send('PATCH', path, renamed, ANY)).status, 'no more than an admin').to.equal(200)
    await signedIn(app, owner.email, { rp, scopes: ['roles:write'] })
    await isRefused('PATCH', path, elsewhere)
    await isRefused('POST', `${path}/secret`)
    expect((await owner.send('PATCH', path, renamed, ANY)).status).to.equal(200)
    expect((await admin.send('POST', `${path}/disable`)).status, 'ending it gives nothing').to.equal(204)
  })

  it('that people allowed something are changed by nobody who may less than that', async () => {
    const owner = await signedIn(app, 'owner@example.org')
    const permissions = ['clients:read', 'clients:write']
    await owner.send('POST', '/api/v1/admin/roles', { name: 'integrator', permissions })
    const integrator = await newCaller(app, 'integrator', ['integrator'])
    const { json } = await integrator.send('POST', CLIENTS, { metadata: METADATA })
    const path = `${CLIENTS}/${json.client_id}`
    const elsewhere = { metadata: { redirect_uris: [CALLBACK, 'https://evil.example/cb'] } }
    const rp = await discover(app.issuer, json.client_id, json.client_secret)
    await signedIn(app, admin.email, { rp, scopes: ['clients:write', 'account:write'] })
    expect((await integrator.send('PATCH', path, elsewhere, ANY)).status, 'no more than they').to.equal(200)
    await signedIn(app, admin.email, { rp, scopes: ['users:export'] })
    for (const [method, at, body] of [
      ['PATCH', path, elsewhere],
      ['POST', `${path}/secret`, undefined],
    ] as const) {
      const answer = await integrator.send(method, at, body, ANY)
      expect([answer.status, answer.json.code], method).to.deep.equal([403, 'forbidden'])
    }
    expect((await admin.send('PATCH', path, elsewhere, ANY)).status).to.equal(200)
  })

  it('are changed by who has seen what they were, and the change counts at once', async () => {
    const path = `${CLIENTS}/${made.id}`
    const seen = String((await admin.get(path)).headers.get('etag'))
    const metadata = { client_name: 'Renamed', redirect_uris: [CALLBACK, `${CALLBACK}/2`] }
    const changed = await admin.send('PATCH', path, { metadata }, { 'if-match': seen })
    expect(changed.status, changed.text).to.equal(200)
    expect(changed.json.metadata).to.deep.equal({ ...METADATA, ...metadata })
    const rp = await discover(app.issuer, made.id, made.secret)
    const second = { redirect_uri: `${CALLBACK}/2` }
    expect((await signIn(rp, second, { person: { email: admin.email } })).tokens.access_token).to.be.a(
      'string',
    )

    const stale = await admin.send('PATCH', path, { metadata: { client_name: 'Late' } }, { 'if-match': seen })
    expect([stale.status, stale.json.code]).to.deep.equal([412, 'stale'])
    const names = Array.from({ length: 6 }, (_, index) => `Raced ${index}`)
    const now = String(changed.headers.get('etag'))
    const race = await Promise.all(
      names.map((name) =>
        admin.send('PATCH', path, { metadata: { client_name: name } }, { 'if-match': now }),
      ),
    )
    expect(race.filter(({ status }) => status === 200)).to.have.length(1)
    const wrong = await admin.send('PATCH', path, { metadata: { redirect_uris: null } }, { 'if-match': '*' })
    expect([wrong.status, wrong.json.code]).to.deep.equal([422, 'invalid_input'])
  })

  it('get another secret, and the one before is dead when that is asked for', async () => {
    expect(await isTaken(made.id, made.secret)).to.equal(true)
    const { status, json } = await admin.send('POST', `${CLIENTS}/${made.id}/secret?expire_now=true`)
    expect(status).to.equal(200)
    expect(await isTaken(made.id, made.secret)).to.equal(false)
    expect(await isTaken(made.id, json.client_secret)).to.equal(true)
    made.secret = json.client_secret
    const pub = { ...METADATA, token_endpoint_auth_method: 'none' }
    const { json: spa } = await admin.send('POST', CLIENTS, { metadata: pub })
    expect(spa).to.not.have.property('client_secret')
    const none = await admin.send('POST', `${CLIENTS}/${spa.client_id}/secret`)
    expect([none.status, none.json.code]).to.deep.equal([409, 'no_secret'])
    const records = await audited(app, 'client.secret_replaced')
    expect(records.map(({ client_id }) => client_id)).to.deep.equal([made.id])
  })

  it('are listed, searched and looked through for weaknesses', async () => {
    const { json } = await admin.get(`${CLIENTS}?search=raced`)
    expect(json.items.map(({ client_id }: { client_id: string }) => client_id)).to.deep.equal([made.id])
    const first = await admin.get(`${CLIENTS}?limit=1`)
    const second = await admin.get(`${CLIENTS}?limit=1&cursor=${first.json.next_cursor}`)
    expect(second.json.items[0].client_id > first.json.items[0].client_id).to.equal(true)
    const awkward = '"'.repeat(255)
    await admin.send('POST', CLIENTS, { client_id: awkward, metadata: METADATA })
    const { json: next } = await admin.get(`${CLIENTS}?limit=1`)
    expect(next.items[0].client_id).to.equal(awkward)
    const after = await admin.get(`${CLIENTS}?limit=1&cursor=${next.next_cursor}`)
    expect(after.status, after.text).to.equal(200)
    await admin.send('DELETE', `${CLIENTS}/${encodeURIComponent(awkward)}`)
    const lint = await admin.get(`${CLIENTS}/${made.id}/lint`)
    expect(lint.json.items.map(({ code }: { code: string }) => code)).to.include('no-backchannel-logout')
  })

  it('are disabled with everything issued to them, enabled, and deleted', async () => {
    const path = `${CLIENTS}/${made.id}`
    expect((await admin.send('POST', `${path}/disable`)).status).to.equal(204)
    expect(await isTaken(made.id, made.secret)).to.equal(false)
    expect((await admin.get(path)).json.status).to.equal('disabled')
    expect((await admin.send('POST', `${path}/enable`)).status).to.equal(204)
    expect(await isTaken(made.id, made.secret)).to.equal(true)
    expect((await admin.send('DELETE', path)).status).to.equal(204)
    expect((await admin.get(path)).status).to.equal(404)
    expect(await isTaken(made.id, made.secret)).to.equal(false)
    for (const name of ['client.disabled', 'client.enabled', 'client.deleted', 'client.updated']) {
      const [record] = (await audited(app, name)).filter(({ client_id }) => client_id === made.id)
      expect(record?.detail, name).to.deep.include({ by: admin.userId })
    }
  })

  it('the record of all this is read, filtered, and never changes what it shows', async () => {
    const auditor = await newCaller(app, 'auditor', ['auditor'])
    const list = async (query: string) => {
      const { status, json, text } = await auditor.get(`/api/v1/admin/audit?${query}`)
      expect(status, text).to.equal(200)
      return json.items as Record<string, string>[]
    }
    const about = await list(`client_id=${made.id}&limit=200`)
    expect(about.map(({ name }) => name)).to.include.members(['client.created', 'client.deleted'])
    expect(about.map(({ id }) => Number(id))).to.deep.equal(
      about.map(({ id }) => Number(id)).sort((a, b) => b - a),
    )
    const named = await list('name=client.created')
    expect(new Set(named.map(({ name }) => name))).to.deep.equal(new Set(['client.created']))
    expect(await list(`since=${new Date(Date.now() + 60_000).toISOString()}`)).to.deep.equal([])
    expect((await list(`until=${new Date(Date.now() + 60_000).toISOString()}`)).length).to.be.above(0)
    expect(await list('outcome=failure&name=client.created')).to.deep.equal([])
    for (const since of ['yesterday', '0000-01-01T00:00:00Z'])
      expect((await auditor.get(`/api/v1/admin/audit?since=${since}`)).status, since).to.equal(400)
    expect((await auditor.send('POST', `${CLIENTS}`, { metadata: METADATA })).json.code).to.equal('forbidden')
  })

  it('a refused request is explained by its code, as on the command line', async () => {
    const wrong = new URLSearchParams({
      client_id: 'web',
      redirect_uri: `${CALLBACK}/`,
      response_type: 'code',
      scope: 'openid',
    })
    const { headers } = await get(`${app.issuer}/auth?${wrong}`)
    const path = `/api/v1/admin/failures/${headers.get('x-request-id')}`
    let found = await admin.get(path)
    for (let tries = 0; found.status === 404 && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      found = await admin.get(path)
    }
    expect(found.status, found.text).to.equal(200)
    const { failure, explanation } = found.json
    expect(failure).to.deep.include({ client_id: 'web', endpoint: 'authorization' })
    expect(explanation).to.deep.include({
      cause: 'redirect-uri-unregistered',
      nearest: CALLBACK,
    })
    expect((await admin.get(`/api/v1/admin/failures/${failure.code}`)).json).to.deep.equal(found.json)
    expect((await admin.get('/api/v1/admin/failures/ZZZZ-ZZZZ')).status).to.equal(404)
  })

  it('the system says how it is', async () => {
    const { status, json } = await admin.get('/api/v1/admin/system')
    expect(status).to.equal(200)
    expect(json).to.include({ mode: 'evaluation', node: process.version })
    expect(json.dependencies.database).to.deep.include({ state: 'up', breaker: null })
    expect(json.memory.rss_bytes).to.be.above(1_000_000)
    expect(json.memory.machine_total_bytes).to.be.above(json.memory.rss_bytes)
    expect(json.mail).to.have.keys('waiting', 'dead')
    expect(json.outbox).to.have.property('backchannel-logout').that.has.keys('waiting', 'dead', 'lag_seconds')
    expect(json.engine).to.match(/^9\.\d+\.\d+$/)
    expect(json.cpu.cores).to.be.above(0)
    expect(json.event_loop.lag_ms).to.be.within(0, 60_000)
    const files = readdirSync(join(ROOT, 'migrations')).filter((name) => name.endsWith('.ts'))
    expect(json.migrations).to.deep.equal({ applied: files.sort(), pending: [] })
    expect(json.connections === null).to.equal(app.stack === 'pglite')
    if (app.stack !== 'pglite') expect(json.dependencies.redis.breaker).to.equal('closed')
  })
})
