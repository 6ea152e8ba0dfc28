/** One's own account, as an app shows and changes it for its person. */
import { expect } from 'chai'
import { type Caller, CONSOLE, newCaller, signedIn } from '../support/api.ts'
import { get, onEveryStack } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'

const ME = '/api/v1/users/me'
const clients = [webClient(CONSOLE), webClient({ client_id: 'other', client_name: 'Other app' })]

onEveryStack('the API: your account', { people: [], overrides: { clients } }, (app) => {
  const audit = (name: string, userId: string) =>
    app.sql.query<{ detail: Record<string, unknown>; request_id: string }>(
      'select * from audit_events where name = $1 and user_id = $2 order by id',
      [name, userId],
    )
  let ada: Caller
  before(async () => {
    ada = await newCaller(app, 'ada')
  })

  it('is read, with its version and what is left of the rate', async () => {
    const { status, json, headers } = await ada.get(ME)
    expect(status).to.equal(200)
    expect(json).to.deep.include({
      ...{ id: ada.userId, email: 'ada@example.org', email_verified: true },
      ...{ username: null, profile: {}, roles: [] },
    })
    expect(headers.get('etag')).to.match(/^"v\d+"$/)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(headers.get('ratelimit')).to.match(/^"person";r=\d+;t=\d+$/)
    expect(headers.get('ratelimit-policy')).to.equal('"person";q=300;w=60')
  })

  it('is changed by who has seen what it was', async () => {
    const etag = String((await ada.get(ME)).headers.get('etag'))
    const profile = { name: 'Ada Lovelace', website: 'https://ada.example', zoneinfo: 'Europe/London' }
    const changed = await ada.send('PATCH', ME, { profile }, { 'if-match': etag })
    expect(changed.status, changed.text).to.equal(200)
    expect(changed.json.profile).to.deep.equal(profile)

    const stale = await ada.send('PATCH', ME, { profile: { name: 'Eve' } }, { 'if-match': etag })
    expect([stale.status, stale.json.code]).to.deep.equal([412, 'stale'])
    const unseen = await ada.send('PATCH', ME, { profile: { name: 'Eve' } })
    expect([unseen.status, unseen.json.code]).to.deep.equal([428, 'version_required'])
    const weak = await ada.send('PATCH', ME, { profile: { name: 'Eve' } }, { 'if-match': `W/${etag}` })
    expect(weak.status).to.equal(412)

    const next = String(changed.headers.get('etag'))
    const emptied = await ada.send('PATCH', ME, { profile: { website: null } }, { 'if-match': next })
    expect(emptied.json.profile).to.deep.equal({ name: 'Ada Lovelace', zoneinfo: 'Europe/London' })
    const [record] = await audit('user.updated', ada.userId)
    expect(record?.detail).to.deep.equal({ by: ada.userId, changed: 'name websiteUrl zoneinfo' })
    expect(record?.request_id).to.equal(changed.headers.get('x-request-id'))
  })

  it('says every fault at once, and where it is', async () => {
    const bad = {
      profile: { website: 'javascript:alert(1)', birthdate: 'soon', role: 'owner' },
      email: 'e@x.y',
    }
    const { status, json, headers } = await ada.send('PATCH', ME, bad, { 'if-match': '*' })
    expect(status).to.equal(422)
    expect(headers.get('content-type')).to.match(/^application\/problem\+json/)
    expect(json).to.deep.include({
      code: 'invalid_input',
      status: 422,
      type: 'urn:ostiary:problem:invalid_input',
    })
    expect(json.request_id).to.equal(headers.get('x-request-id'))
    const pointers = json.errors.map(({ pointer, code }: Record<string, string>) => `${pointer} ${code}`)
    expect(pointers).to.have.members([
      '/profile/website invalid_format',
      '/profile/birthdate invalid_format',
      '/profile/role unknown_field',
      '/email unknown_field',
    ])
  })

  it('takes text that can be kept, and nothing nested without end', async () => {
    const deep = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`)
    const cases: [unknown, string][] = [
      [{ profile: { name: 'a\0b' } }, '/profile/name not_text'],
      [{ profile: { name: 'a\ud800b' } }, '/profile/name not_text'],
      [{ profile: { 'na\0me': 'x' } }, '/profile not_text'],
      [deep, `${'/a'.repeat(12)} too_deep`],
    ]
    for (const [body, fault] of cases) {
      const { status, json, text } = await ada.send('PATCH', ME, body, { 'if-match': '*' })
      expect(status, text).to.equal(422)
      expect(`${json.errors[0].pointer} ${json.errors[0].code}`).to.equal(fault)
    }
  })

  it('of two changes at once one wins', async () => {
    const etag = String((await ada.get(ME)).headers.get('etag'))
    const names = Array.from({ length: 8 }, (_, index) => `Ada ${index}`)
    const answers = await Promise.all(
      names.map((name) => ada.send('PATCH', ME, { profile: { name } }, { 'if-match': etag })),
    )
    const won = answers.filter(({ status }) => status === 200)
    expect(won).to.have.length(1)
    expect(answers.filter(({ status }) => status === 412)).to.have.length(7)
    expect((await ada.get(ME)).json.profile.name).to.equal(won[0]?.json.profile.name)
  })

  it('shows sessions and ends one, which ends what was signed in to from it', async () => {
    const [mine] = (await ada.get(`${ME}/sessions`)).json.items
    const elsewhere = await signedIn(app, 'ada@example.org')
    const before = await ada.get(`${ME}/sessions`)
    expect(before.json.items).to.have.length(2)
    expect(before.json.items[0]).to.have.keys('id', 'client_ids')
    expect((await elsewhere.get(ME)).status).to.equal(200)

    const other = before.json.items.find(({ id }: { id: string }) => id !== mine.id)
    const ended = await ada.send('DELETE', `${ME}/sessions/${other.id}`)
    expect([ended.status, ended.text]).to.deep.equal([204, ''])
    expect((await elsewhere.get(ME)).status, 'its token').to.equal(401)
    expect((await ada.get(ME)).status, 'ours').to.equal(200)
    expect((await ada.send('DELETE', `${ME}/sessions/${other.id}`)).status, 'again').to.equal(404)
    expect(await audit('session.ended', ada.userId)).to.have.length(1)
  })

  it('does not end the sessions of others', async () => {
    const eve = await newCaller(app, 'eve')
    const adas = (await ada.get(`${ME}/sessions`)).json.items[0].id
    const { status, json } = await eve.send('DELETE', `${ME}/sessions/${adas}`)
    expect([status, json.code]).to.deep.equal([404, 'not_found'])
    expect((await ada.get(`${ME}/sessions`)).json.items).to.have.length(1)
  })

  it('shows what happened, a page at a time, and nothing of others', async () => {
    const all: { id: string; user_id: string; name: string }[] = []
    let cursor: string | null = null
    do {
      const query: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`
      const { json, status, text } = await ada.get(`${ME}/activity?limit=2${query}`)
      expect(status, text).to.equal(200)
      all.push(...json.items)
      cursor = json.next_cursor
    } while (cursor !== null)
    expect(new Set(all.map(({ user_id }) => user_id))).to.deep.equal(new Set([ada.userId]))
    expect(all.map(({ name }) => name)).to.include.members([
      'user.signed_in',
      'user.updated',
      'session.ended',
    ])
    expect(new Set(all.map(({ id }) => id)).size).to.equal(all.length)
  })

  it('says who did something to it, and not where an administrator sits', async () => {
    const support = await newCaller(app, 'helper', ['admin'])
    const person = await newCaller(app, 'helped')
    const path = `/api/v1/admin/users/${person.userId}`
    const changed = await support.send('PATCH', path, { profile: { name: 'H' } }, { 'if-match': '*' })
    expect(changed.status, changed.text).to.equal(200)
    const { json } = await person.get(`${ME}/activity`)
    const of = (name: string) => json.items.find((item: { name: string }) => item.name === name)
    expect(of('user.updated')).to.deep.include({ ip: null, user_agent: null })
    expect(of('user.updated').detail.by).to.equal(support.userId)
    expect(of('user.signed_in').ip).to.be.a('string')
    const record = await support.get(`/api/v1/admin/audit?name=user.updated&user_id=${person.userId}`)
    expect(record.json.items[0].ip, 'in the record').to.be.a('string')
  })

  it('shows what apps were allowed and takes it back with what they hold', async () => {
    const rp = await discover(app.issuer, 'other')
    const there = await signedIn(app, 'ada@example.org', { rp, scopes: ['account:read'] })
    const { json } = await ada.get(`${ME}/consents`)
    expect(json.items).to.have.length(1)
    expect(json.items[0]).to.deep.include({
      client_id: 'other',
      resources: { [`${app.issuer}/api`]: ['account:read'] },
    })
    expect((await there.get(ME)).status).to.equal(200)
    expect((await ada.send('DELETE', `${ME}/consents/other`)).status).to.equal(204)
    expect((await there.get(ME)).status).to.equal(401)
    expect((await ada.get(`${ME}/consents`)).json.items).to.deep.equal([])
    expect((await ada.send('DELETE', `${ME}/consents/other`)).status).to.equal(404)
    expect(await audit('consent.withdrawn', ada.userId)).to.have.length(1)
  })

  it('is deleted with all access, erased when its time has come, and the record of it stays', async () => {
    const gone = await newCaller(app, 'gone')
    expect((await gone.send('DELETE', ME)).status).to.equal(204)
    expect((await gone.get(ME)).status).to.equal(401)
    const [begun] = await audit('user.deletion_begun', gone.userId)
    expect(begun?.detail).to.have.property('by', gone.userId)
    const left = await app.sql.query('select status from users where id = $1', [gone.userId])
    expect(left).to.deep.equal([{ status: 'disabled' }])
    expect((await get(`${app.issuer}/userinfo`, { bearer: gone.token })).status).to.equal(401)
  })
})
