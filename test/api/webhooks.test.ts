/** Webhooks as a receiver meets them: signed, once more when it failed, never where nobody may be called. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Webhook } from 'standardwebhooks'
import { audited, type Caller, newCaller } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { webClient } from '../support/relying-party.ts'
import { type Call, listenForWebhooks, type WebhookListener } from '../support/webhook-listener.ts'

const LIST = '/api/v1/admin/webhooks'
let good: WebhookListener
let other: WebhookListener
let forbidden: WebhookListener

async function options() {
  await Promise.all([good?.close(), other?.close(), forbidden?.close()])
  ;[good, other, forbidden] = await Promise.all([
    listenForWebhooks(),
    listenForWebhooks(),
    listenForWebhooks(),
  ])
  return {
    settings: { OUTBOUND_ALLOW: `${good.origin},${other.origin}` },
    overrides: { clients: [webClient()], limits: { apiPerson: 100_000 } },
    people: [],
  }
}

onEveryStack('webhooks', options, (app) => {
  let admin: Caller
  const made: string[] = []
  before(async function () {
    this.timeout(60_000)
    admin = await newCaller(app, 'admin', ['admin'])
  })
  after(() => Promise.all([good.close(), other.close(), forbidden.close()]))
  beforeEach(() => {
    for (const listener of [good, other, forbidden])
      Object.assign(listener, { calls: [], status: 200, delayMs: 0, location: undefined })
  })
  afterEach(async () => {
    for (const id of made.splice(0)) await admin.send('DELETE', `${LIST}/${id}`)
  })

  async function create(body: Record<string, unknown>) {
    const { status, json, text } = await admin.send('POST', LIST, body)
    expect(status, text).to.equal(201)
    made.push(json.id)
    return json as { id: string; secret: string; url: string }
  }
  /** Something that is recorded: a person is made. */
  let people = 0
  async function event(): Promise<string> {
    people += 1
    const email = `made-${people}@example.org`
    const { json, status, text } = await admin.send('POST', '/api/v1/admin/users', { email })
    expect(status, text).to.equal(201)
    return json.id
  }
  const verified = (secret: string, { body, headers }: Call) =>
    new Webhook(secret).verify(body, headers as Record<string, string>)
  const deliveries = async (id: string, query = '') =>
    (await admin.get(`${LIST}/${id}/deliveries${query}`)).json.items as Record<string, unknown>[]
  async function until(id: string, fits: (delivery: Record<string, unknown>) => boolean) {
    for (let tries = 0; tries < 600; tries += 1) {
      const found = (await deliveries(id)).find(fits)
      if (found) return found
      await sleep(50)
    }
    throw new Error(`never: ${JSON.stringify(await deliveries(id))}`)
  }
  const dueNow = (id: string) =>
    app.sql.query(`update outbox set due_at = now(), leased_until = null where job ->> 'webhookId' = $1`, [
      id,
    ])

  it('are signed as the standard says, with ids and nothing that identifies people', async () => {
    const { id, secret } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    expect(secret).to.match(/^whsec_/)
    const userId = await event()
    const [call] = await good.heard('user.created')
    expect(verified(secret, call as Call)).to.deep.include({ type: 'user.created' })
    expect(call?.said.data).to.deep.include({ user_id: userId, outcome: 'success' })
    expect(call?.said.data.detail).to.deep.include({ by: admin.userId })
    for (const clear of ['example.org', '127.0.0.1', '::1', 'ip'])
      expect(call?.body).to.not.include(`"${clear}`)
    expect(call?.path).to.equal('/hook')
    expect(() => verified(secret, { ...(call as Call), body: `${call?.body} ` })).to.throw()
    expect(() => verified(`whsec_${Buffer.alloc(32).toString('base64')}`, call as Call)).to.throw()
    const done = await until(id, ({ state }) => state === 'delivered')
    expect(done).to.deep.include({ id: call?.headers['webhook-id'], status: 200, attempts: 1, error: null })
    expect(done.latency_ms).to.be.a('number')
  })

  it('tell only what was asked for, and people only to whom that was allowed', async () => {
    await create({ url: `${good.origin}/all`, events: ['user.*'], personal: true })
    await create({ url: `${other.origin}/roles`, events: ['role.given'] })
    const userId = await event()
    const [call] = await good.heard('user.created')
    expect(call?.said.data.ip).to.match(/127\.0\.0\.1|::1/)
    expect(call?.said.data.personal).to.deep.equal({ email: `made-${people}@example.org` })
    await app.app.storage.database.users.delete(userId)
    expect(other.calls).to.deep.equal([])
  })

  it('are written down with what they tell of, or not at all', async () => {
    const { id } = await create({ url: `${good.origin}/hook`, events: ['*'] })
    await app.app.storage.database
      .transaction(async ({ audit }) => {
        await audit.append({ name: 'role.given', outcome: 'success', request: undefined })
        throw new Error('it came to nothing')
      })
      .catch(() => {})
    await event()
    await good.heard('user.created')
    expect((await deliveries(id)).map(({ type }) => type)).to.not.include('role.given')
  })

  it('are sent again under the same id after a 500, a redirect, or no answer', async function () {
    this.timeout(60_000)
    good.status = 500
    const { id, secret } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    await event()
    const failing = await until(id, ({ attempts }) => attempts === 1)
    expect(failing).to.deep.include({ state: 'waiting', status: 500 })
    expect((await admin.get(`${LIST}/${id}`)).json.failing_since).to.be.a('string')
    Object.assign(good, { status: 307, location: `${other.origin}/elsewhere` })
    await dueNow(id)
    expect(await until(id, ({ attempts }) => attempts === 2)).to.deep.include({
      state: 'waiting',
      status: 307,
    })
    expect(other.calls, 'no redirect is followed').to.deep.equal([])
    Object.assign(good, { status: 204, location: undefined })
    await dueNow(id)
    await until(id, ({ state }) => state === 'delivered')
    expect(new Set(good.calls.map(({ headers }) => headers['webhook-id'])).size).to.equal(1)
    expect(good.calls).to.have.length(3)
    for (const call of good.calls) verified(secret, call)
    expect((await admin.get(`${LIST}/${id}`)).json.failing_since).to.equal(null)
  })

  it('stop when the endpoint says that it is gone', async () => {
    good.status = 410
    const { id } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    await event()
    await until(id, ({ state }) => state === 'failed')
    const { json } = await admin.get(`${LIST}/${id}`)
    expect(json).to.deep.include({ enabled: false, disabled_because: 'it answered 410 Gone' })
    const records = await audited(app, 'webhook.disabled')
    expect(records.at(-1)?.detail).to.deep.include({ webhook: id, by: 'ostiary' })
    expect(
      app.logs.some(({ msg, webhook }) => msg === 'a webhook is not called any more' && webhook === id),
    ).to.equal(true)
    await event()
    await sleep(300)
    expect(good.calls).to.have.length(1)
    good.status = 200
    await admin.send('PATCH', `${LIST}/${id}`, { enabled: true }, { 'if-match': '*' })
    const again = await admin.send('POST', `${LIST}/${id}/replay`, { since: '2020-01-01T00:00:00Z' })
    expect([again.status, again.json]).to.deep.equal([202, { replayed: 1 }])
    await until(id, ({ state }) => state === 'delivered')
    expect(new Set(good.calls.map(({ headers }) => headers['webhook-id'])).size).to.equal(1)
  })

  it('stop after three days of failing', async () => {
    good.status = 503
    const { id } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    await event()
    await until(id, ({ attempts }) => attempts === 1)
    expect((await admin.get(`${LIST}/${id}`)).json.enabled).to.equal(true)
    await app.sql.query(`update webhooks set failing_since = now() - interval '73 hours' where id = $1`, [id])
    await dueNow(id)
    await until(id, ({ attempts }) => attempts === 2)
    for (let tries = 0; tries < 100; tries += 1) {
      if (!(await admin.get(`${LIST}/${id}`)).json.enabled) break
      await sleep(50)
    }
    expect((await admin.get(`${LIST}/${id}`)).json).to.deep.include({
      enabled: false,
      disabled_because: 'it failed for 3 days',
    })
  })

  it('are not sent where nobody may be called: neither asked for nor later', async () => {
    for (const url of [
      `${forbidden.origin}/hook`,
      'https://127.0.0.1/hook',
      'https://169.254.169.254/latest/meta-data',
      'https://[::1]/hook',
      'https://user:pass@example.org/hook',
      'ftp://example.org',
      'not a url',
    ]) {
      const { status, json } = await admin.send('POST', LIST, { url, events: ['*'] })
      expect([status, json.code, json.errors?.[0]?.pointer], url).to.deep.equal([
        422,
        'invalid_input',
        '/url',
      ])
    }
    const { id } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    const moved = await admin.send(
      'PATCH',
      `${LIST}/${id}`,
      { url: `${forbidden.origin}/x` },
      { 'if-match': '*' },
    )
    expect(moved.status).to.equal(422)
    // As when a name leads elsewhere later.
    await app.sql.query('update webhooks set url = $2 where id = $1', [id, `${forbidden.origin}/hook`])
    await event()
    const failed = await until(id, ({ state }) => state === 'failed')
    expect(failed.error).to.include('only https')
    expect(forbidden.calls).to.deep.equal([])
  })

  it('that think for long keep nobody else waiting, nor mail', async () => {
    await create({ url: `${other.origin}/slow`, events: ['user.created'] })
    const { secret } = await create({ url: `${good.origin}/quick`, events: ['user.created'] })
    other.delayMs = 8_000
    await event()
    await event()
    await event()
    const calls = await good.heard('user.created', 3)
    for (const call of calls) verified(secret, call)
    expect(other.calls.length, 'one at a time').to.be.below(3)
    other.delayMs = 0
  })

  it('get another secret, and for a day both count', async () => {
    const { id, secret } = await create({ url: `${good.origin}/hook`, events: ['webhook.test'] })
    const { status, json } = await admin.send('POST', `${LIST}/${id}/secret`)
    expect(status).to.equal(200)
    expect(json.secret).to.not.equal(secret)
    const test = await admin.send('POST', `${LIST}/${id}/test`)
    expect(test.status).to.equal(202)
    const [call] = await good.heard('webhook.test')
    expect(call?.headers['webhook-id']).to.equal(test.json.delivery)
    for (const one of [secret, json.secret]) verified(one, call as Call)
    // Of the one before that nothing is left.
    const third = await admin.send('POST', `${LIST}/${id}/secret`)
    await admin.send('POST', `${LIST}/${id}/test`)
    const [, next] = await good.heard('webhook.test', 2)
    verified(third.json.secret, next as Call)
    verified(json.secret, next as Call)
    expect(() => verified(secret, next as Call)).to.throw()
  })

  it('are made and changed by nobody who may not read the record they are told of', async () => {
    const { id } = await create({ url: `${good.origin}/hook`, events: ['user.*'] })
    const owner = await newCaller(app, 'owner', ['owner'])
    const role = { name: 'hooks', permissions: ['webhooks:read', 'webhooks:write'] }
    expect((await owner.send('POST', '/api/v1/admin/roles', role)).status).to.equal(201)
    const person = await newCaller(app, 'hooks', ['hooks'])
    const narrow = await newCaller(app, 'narrow', ['admin'], { scopes: ['webhooks:read', 'webhooks:write'] })
    for (const who of [person, narrow]) {
      const made = await who.send('POST', LIST, {
        url: `${other.origin}/hook`,
        events: ['*'],
        personal: true,
      })
      expect([made.status, made.json.code]).to.deep.equal([403, 'forbidden'])
      const turned = { url: `${other.origin}/hook` }
      const changed = await who.send('PATCH', `${LIST}/${id}`, turned, { 'if-match': '*' })
      expect([changed.status, changed.json.detail]).to.deep.equal([
        403,
        'A webhook is told what the audit record says: the permission audit:read is needed, too',
      ])
    }
    expect((await admin.get(`${LIST}/${id}`)).json.url).to.equal(`${good.origin}/hook`)
  })

  it('are read, changed and deleted; no secret is shown twice or kept in clear; each change is recorded', async () => {
    const { id, secret } = await create({ url: `${good.origin}/hook`, events: ['*'], description: 'SIEM' })
    const read = await admin.get(`${LIST}/${id}`)
    expect(read.json).to.deep.include({ description: 'SIEM', enabled: true }).and.not.have.property('secret')
    expect((await admin.get(LIST)).text).to.not.include(secret)
    const dump = await app.sql.dump()
    const bare = secret.slice('whsec_'.length)
    expect(dump.filter((row) => row.includes(bare))).to.deep.equal([])
    const seen = String(read.headers.get('etag'))
    const changed = await admin.send('PATCH', `${LIST}/${id}`, { events: ['role.*'] }, { 'if-match': seen })
    expect(changed.json.events).to.deep.equal(['role.*'])
    const stale = await admin.send('PATCH', `${LIST}/${id}`, { personal: true }, { 'if-match': seen })
    expect([stale.status, stale.json.code]).to.deep.equal([412, 'stale'])
    for (const body of [{ events: [] }, { events: ['x'] }, { url: 1 }, { other: 1 }]) {
      const bad = await admin.send('PATCH', `${LIST}/${id}`, body, { 'if-match': '*' })
      expect([bad.status, bad.json.code], JSON.stringify(body)).to.deep.equal([422, 'invalid_input'])
    }
    const none = await admin.send('POST', `${LIST}/${id}/replay`, { delivery: 'msg_none' })
    expect(none.status).to.equal(404)
    expect((await admin.send('DELETE', `${LIST}/${id}`)).status).to.equal(204)
    expect((await admin.get(`${LIST}/${id}`)).status).to.equal(404)
    for (const name of [
      'webhook.created',
      'webhook.updated',
      'webhook.deleted',
      'webhook.secret_rotated',
      'webhook.tested',
    ]) {
      const records = await audited(app, name)
      expect(records.length, name).to.be.above(0)
      expect(records.at(-1)?.detail, name).to.deep.include({ by: admin.userId })
    }
  })

  it('keep the address they are called at out of the record: who knows it may call it', async () => {
    const { id } = await create({
      url: `${good.origin}/hook/s3cret-path?key=s3cret-query`,
      events: ['user.*'],
    })
    await admin.send('PATCH', `${LIST}/${id}`, { url: `${good.origin}/s3cret-new` }, { 'if-match': '*' })
    for (const name of ['webhook.created', 'webhook.updated']) {
      const record = (await audited(app, name)).find(({ detail }) => JSON.stringify(detail).includes(id))
      expect(record?.detail).to.deep.include({ url: good.origin })
    }
  })

  it('pages of deliveries begin where the last one ended', async () => {
    const { id } = await create({ url: `${good.origin}/hook`, events: ['user.created'] })
    for (let count = 0; count < 3; count += 1) await event()
    await good.heard('user.created', 3)
    const first = await admin.get(`${LIST}/${id}/deliveries?limit=2`)
    const second = await admin.get(`${LIST}/${id}/deliveries?limit=2&cursor=${first.json.next_cursor}`)
    const ids = [...first.json.items, ...second.json.items].map((item: { id: string }) => item.id)
    expect(new Set(ids).size).to.equal(3)
    expect(second.json.next_cursor).to.equal(null)
  })
})
