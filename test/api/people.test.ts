/** People, as an administrator's program makes, finds, changes and ends them. */
import { expect } from 'chai'
import { audited, type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { onEveryStack } from '../support/protocol.ts'
import { begin, discover, PASSWORD, walk, webClient } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const USERS = '/api/v1/admin/users'
const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000 } },
}

onEveryStack('the API: people', options, (app) => {
  let owner: Caller
  let admin: Caller
  before(async () => {
    owner = await newCaller(app, 'owner', ['owner'])
    admin = await newCaller(app, 'admin', ['admin'])
  })

  const signsIn = async (email: string, password: string) => {
    const started = await begin(await discover(app.issuer))
    return (await walk(new UserAgent(), started.url, { email, password })).url.includes('code=')
  }

  it('are created with a password, and sign in', async () => {
    const body = {
      ...{ email: 'Grace@Example.org', email_verified: true, username: 'grace', password: PASSWORD },
      profile: { name: 'Grace Hopper', locale: 'en-US' },
    }
    const { status, json, headers, text } = await admin.send('POST', USERS, body)
    expect(status, text).to.equal(201)
    expect(headers.get('location')).to.equal(`${app.issuer}${USERS}/${json.id}`)
    expect(json).to.deep.include({
      ...{ email: 'Grace@Example.org', email_verified: true, username: 'grace', status: 'active', roles: [] },
      profile: { name: 'Grace Hopper', locale: 'en-US' },
    })
    expect(text).to.not.include('argon2').and.not.include(PASSWORD)
    const read = await admin.get(`${USERS}/${json.id}`)
    expect(read.json).to.deep.equal(json)
    expect(read.headers.get('etag')).to.equal(headers.get('etag'))
    expect(await signsIn('grace@example.org', PASSWORD)).to.equal(true)
    const [record] = (await audited(app, 'user.created')).filter(({ user_id }) => user_id === json.id)
    expect(record?.detail).to.deep.equal({ by: admin.userId, invited: false })
  })

  it('are invited without one, choose it by the link, and sign in', async () => {
    const { status } = await admin.send('POST', USERS, { email: 'invited@example.org' })
    expect(status).to.equal(201)
    const mail = await app.nextMail('invited@example.org')
    expect(mail.subject).to.equal('Your account at Ostiary')
    expect(mail.text).to.include('24 hours')
    const [link = ''] = /http\S+\/reset-password\/\S+/.exec(mail.text) ?? []
    const agent = new UserAgent()
    const page = await agent.get(link)
    await agent.submit(page, { password: 'a lamp that the keeper lit' })
    expect(await signsIn('invited@example.org', 'a lamp that the keeper lit')).to.equal(true)
  })

  it('are not created twice, nor with what cannot be', async () => {
    const taken = await admin.send('POST', USERS, { email: 'GRACE@example.org' })
    expect([taken.status, taken.json.code]).to.deep.equal([409, 'email_taken'])
    const name = await admin.send('POST', USERS, { email: 'new@example.org', username: 'Grace' })
    expect([name.status, name.json.code]).to.deep.equal([409, 'username_taken'])
    const bad = await admin.send('POST', USERS, { email: 'no address', username: '-', password: 'short' })
    expect(bad.status).to.equal(422)
    expect(bad.json.errors.map(({ pointer }: { pointer: string }) => pointer)).to.have.members([
      '/email',
      '/username',
      '/password',
    ])
    const named = { username: 'lighthouse', profile: { name: 'Henrietta Keeper' } }
    const own = { email: 'new@example.org', ...named, password: 'Lighthouse keeper' }
    expect((await admin.send('POST', USERS, own)).json.errors).to.deep.include({
      ...{ pointer: '/password', code: 'password_context' },
    })
    const none = await app.sql.query("select 1 from users where email_key = 'new@example.org'")
    expect(none, 'nothing is left of it').to.deep.equal([])
  })

  it('are made once by a request that is repeated, also when all come at once', async () => {
    const body = { email: 'once@example.org' }
    const headers = { 'idempotency-key': 'a-key-of-the-program-1' }
    const all = await Promise.all(Array.from({ length: 8 }, () => admin.send('POST', USERS, body, headers)))
    const made = all.filter(({ status }) => status === 201)
    expect(made.length).to.be.at.least(1)
    for (const { status, json } of all)
      expect([status, json.code]).to.be.deep.oneOf([
        [201, undefined],
        [409, 'in_flight'],
      ])
    const again = await admin.send('POST', USERS, body, headers)
    expect([again.status, again.json.id]).to.deep.equal([201, made[0]?.json.id])
    expect(again.headers.get('idempotency-replayed')).to.equal('true')
    expect(again.headers.get('location')).to.equal(made[0]?.headers.get('location'))
    const other = await admin.send('POST', USERS, { email: 'another@example.org' }, headers)
    expect([other.status, other.json.code]).to.deep.equal([422, 'key_reused'])
    // The key is the caller's: nobody else gets at the answer by it.
    const theirs = await owner.send('POST', USERS, body, headers)
    expect([theirs.status, theirs.json.code]).to.deep.equal([409, 'email_taken'])
    const failed = await admin.send('POST', USERS, { email: 'x' }, { 'idempotency-key': 'k2' })
    expect(failed.status).to.equal(422)
    const mended = await admin.send(
      'POST',
      USERS,
      { email: 'mended@example.org' },
      { 'idempotency-key': 'k2' },
    )
    expect(mended.status, 'a refusal is not kept').to.equal(201)
    const rows = await app.sql.query<{ text: string }>('select t::text as text from idempotency_keys t')
    expect(rows.map(({ text }) => text).join())
      .to.not.include('example.org')
      .and.not.include('a-key-of')
  })

  it('are found by what their names begin with, and listed page by page in order', async function () {
    this.timeout(60_000)
    for (let index = 0; index < 7; index += 1)
      await app.app.storage.database.users.insert({
        ...{ id: `usr_list${index}`, email: `list%${index}@example.org`, emailVerified: true },
        ...{ username: undefined, profile: { name: `Lister ${index}` } },
      })
    const all = async (query: string) => {
      const found: { email: string; created_at: string }[] = []
      let cursor = ''
      do {
        const { json, status, text } = await admin.get(`${USERS}?limit=2&${query}${cursor}`)
        expect(status, text).to.equal(200)
        expect(json.items.length).to.be.at.most(2)
        found.push(...json.items)
        cursor = json.next_cursor ? `&cursor=${json.next_cursor}` : ''
      } while (cursor !== '')
      return found.map(({ email }) => email)
    }
    const listed = Array.from({ length: 7 }, (_, index) => `list%${index}@example.org`)
    expect(await all('search=list%25&sort=email')).to.deep.equal(listed)
    expect(await all('search=LISTER&sort=-email')).to.deep.equal(listed.toReversed())
    expect(await all('search=lister&sort=created_at')).to.deep.equal(listed)
    expect(await all('search=lister')).to.deep.equal(listed.toReversed())
    expect(await all('search=%25')).to.deep.equal([])
    expect(await all('role=owner')).to.deep.equal(['owner@example.org'])
    expect(new Set(await all('sort=email')).size).to.equal(
      (await app.sql.query('select 1 from users')).length,
    )
  })

  it('a cursor is good for its list only, and cannot be made', async () => {
    const { json } = await admin.get(`${USERS}?limit=1&search=lister`)
    const cursor = encodeURIComponent(json.next_cursor)
    for (const path of [
      `${USERS}?search=other&cursor=${cursor}`,
      `${USERS}?search=lister&sort=email&cursor=${cursor}`,
      `/api/v1/admin/clients?cursor=${cursor}`,
      `${USERS}?search=lister&cursor=${cursor.slice(0, -4)}AAAA`,
      `${USERS}?search=lister&cursor=${Buffer.from('["a","b"]').toString('base64url')}`,
    ]) {
      const { status, json } = await admin.get(path)
      expect([status, json.code], path).to.deep.equal([400, 'invalid_parameter'])
    }
    const twice = await admin.get(`${USERS}?limit=1&limit=2`)
    expect([twice.status, twice.json.errors[0].code]).to.deep.equal([400, 'repeated'])
  })

  it('are found by each of their fields together, in every order, a page at a time', async () => {
    const made: Record<string, string> = {}
    for (const [key, username, name] of [
      ['a', 'zz-first', 'Mabel'],
      ['b', 'zz-second', 'Mabel'],
      ['c', undefined, 'Zoe'],
    ] as const) {
      const body = { email: `find-${key}@fields.example`, email_verified: key === 'b', profile: { name } }
      const { json, text } = await admin.send('POST', USERS, { ...body, ...(username ? { username } : {}) })
      expect(json?.id, text).to.be.a('string')
      made[json.id] = key
    }
    const found = async (query: string) => {
      const keys: string[] = []
      for (let cursor = ''; ; ) {
        const { json, text } = await admin.get(`${USERS}?email=find-&limit=1&${query}${cursor}`)
        expect(json.items, text).to.have.length.at.most(1)
        keys.push(...json.items.map(({ id }: { id: string }) => made[id]))
        if (!json.next_cursor) return keys.join('')
        cursor = `&cursor=${json.next_cursor}`
      }
    }
    expect(await found('name=mab&sort=username')).to.equal('ab')
    expect(await found('username=ZZ-SEC')).to.equal('b')
    expect(await found('email_verified=true')).to.equal('b')
    expect(await found('email_verified=false&sort=-email')).to.equal('ca')
    expect(await found('sort=username')).to.equal('cab')
    expect(await found('sort=-username')).to.equal('bac')
    expect((await found('sort=name')).slice(2)).to.equal('c')
    expect(await found('sort=-updated_at')).to.have.length(3)
    const since = new Date(Date.now() + 60_000).toISOString()
    expect(await found(`created_since=${since}`)).to.equal('')
    expect(await found(`created_until=${since}&sort=created_at`)).to.equal('abc')
    for (const wrong of [
      'name=',
      'email_verified=yes',
      'sort=password',
      'created_since=0000-01-01T00:00:00Z',
    ])
      expect((await admin.get(`${USERS}?${wrong}`)).json.code, wrong).to.equal('invalid_parameter')
  })

  it('are changed: another address is not proven, and links to the one before are dead', async () => {
    const { json } = await admin.send('POST', USERS, { email: 'before@example.org', email_verified: true })
    const path = `${USERS}/${json.id}`
    const mail = await app.nextMail('before@example.org')
    const [link = ''] = /http\S+\/reset-password\/\S+/.exec(mail.text) ?? []
    const seen = String((await admin.get(path)).headers.get('etag'))
    const changed = await admin.send('PATCH', path, { email: 'after@example.org' }, { 'if-match': seen })
    expect(changed.json).to.deep.include({ email: 'after@example.org', email_verified: false })
    const dead = await new UserAgent().get(link)
    expect(dead.forms.filter(({ action }) => action.includes('reset-password'))).to.deep.equal([])
    const stale = await admin.send('PATCH', path, { username: 'late' }, { 'if-match': seen })
    expect(stale.status).to.equal(412)
    const taken = await admin.send('PATCH', path, { email: 'grace@example.org' }, { 'if-match': '*' })
    expect(taken.json.code).to.equal('email_taken')
    const named = await admin.send('PATCH', path, { username: 'Grace' }, { 'if-match': '*' })
    expect(named.json.code).to.equal('username_taken')
    const [record] = (await audited(app, 'user.updated')).filter(({ user_id }) => user_id === json.id)
    expect(record?.detail).to.deep.equal({ by: admin.userId, changed: 'email' })
  })

  it('are disabled with all access, enabled, signed out and deleted, each with its record', async () => {
    const person = await newCaller(app, 'person')
    const path = `${USERS}/${person.userId}`
    expect((await admin.get(`${path}/sessions`)).json.items).to.have.length(1)
    expect((await admin.send('POST', `${path}/disable`)).status).to.equal(204)
    expect((await person.get('/api/v1/users/me')).status).to.equal(401)
    expect((await admin.get(path)).json.status).to.equal('disabled')
    expect(await signsIn('person@example.org', PASSWORD)).to.equal(false)
    expect((await admin.send('POST', `${path}/enable`)).status).to.equal(204)
    expect(await signsIn('person@example.org', PASSWORD)).to.equal(true)
    const [session] = (await admin.get(`${path}/sessions`)).json.items
    expect((await admin.send('DELETE', `${path}/sessions/${session.id}`)).status).to.equal(204)
    expect((await admin.get(`${path}/sessions`)).json.items).to.deep.equal([])
    expect((await admin.send('DELETE', `${path}/sessions`)).status).to.equal(204)
    expect((await admin.send('DELETE', `${path}?erase_now=true`)).status).to.equal(204)
    expect((await admin.get(path)).status).to.equal(404)
    const names = [
      'user.disabled',
      'user.enabled',
      'session.ended',
      'user.signed_out_everywhere',
      'user.deleted',
    ]
    for (const name of names) {
      const [record] = (await audited(app, name)).filter(({ user_id }) => user_id === person.userId)
      expect(record?.detail, name).to.deep.equal({ by: admin.userId })
      const { json } = await admin.get(`/api/v1/admin/audit?name=${name}&user_id=${person.userId}`)
      expect(json.items[0].ip, name).to.be.a('string')
    }
  })

  it('get roles and lose them, which counts with the next request', async () => {
    const helper = await newCaller(app, 'helper')
    const path = `${USERS}/${helper.userId}`
    expect((await helper.get(USERS)).status).to.equal(403)
    const given = await owner.send('PUT', `${path}/roles/support`)
    expect([given.status, given.json.roles]).to.deep.equal([200, ['support']])
    expect((await owner.send('PUT', `${path}/roles/support`)).status, 'twice is no fault').to.equal(200)
    expect((await helper.get(USERS)).status).to.equal(200)
    const taken = await owner.send('DELETE', `${path}/roles/support`)
    expect([taken.status, taken.json.roles]).to.deep.equal([200, []])
    expect((await helper.get(USERS)).status).to.equal(403)
    expect((await owner.send('DELETE', `${path}/roles/support`)).status).to.equal(404)
    expect((await owner.send('PUT', `${path}/roles/emperor`)).status).to.equal(404)
    for (const name of ['role.given', 'role.taken']) {
      const records = (await audited(app, name)).filter(({ user_id }) => user_id === helper.userId)
      const details = records.map(({ detail }) => detail)
      expect(details, name).to.deep.equal([{ by: owner.userId, role: 'support' }])
    }
  })

  it('the last owner stays an owner, however it is tried, and of two who leave at once one stays', async () => {
    const path = `${USERS}/${owner.userId}`
    for (const [method, address] of [
      ['DELETE', `${path}/roles/owner`],
      ['POST', `${path}/disable`],
      ['DELETE', path],
      ['DELETE', '/api/v1/users/me'],
    ] as const) {
      const { status, json } = await owner.send(method, address)
      expect([status, json?.code], address).to.deep.equal([409, 'last_owner'])
    }
    for (let round = 0; round < 3; round += 1) {
      const second = await newCaller(app, `second-${round}`, ['owner'])
      const [one, other] = await Promise.all([
        owner.send('DELETE', `${USERS}/${second.userId}/roles/owner`),
        second.send('POST', `${USERS}/${second.userId}/disable`),
      ])
      expect([one.status, other.status].filter((status) => status < 300).length).to.be.at.least(1)
      const left = await app.sql.query<{ user_id: string }>(
        `select user_id from user_roles join users on id = user_id where role = 'owner' and status = 'active'`,
      )
      expect(left.map(({ user_id }) => user_id)).to.deep.equal([owner.userId])
    }
    const second = await newCaller(app, 'second', ['owner'])
    const both = await Promise.all(
      [owner, second].map((one) => one.send('DELETE', `${USERS}/${one.userId}/roles/owner`)),
    )
    expect(both.map(({ status }) => status).sort()).to.deep.equal([200, 409])
    expect(await app.app.storage.database.users.anyoneHasRole('owner')).to.equal(true)
  })
})
