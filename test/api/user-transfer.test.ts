/** People in bulk by the API: imported with the passwords of other software, reported on, exported as they were. */
import { hashSync as bcrypt } from '@node-rs/bcrypt'
import { expect } from 'chai'
import { audited, type Caller, CONSOLE, newCaller, signedIn } from '../support/api.ts'
import { type Answer, onEveryStack, send } from '../support/protocol.ts'
import { begin, discover, walk, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { UserAgent } from '../support/user-agent.ts'

const USERS = '/api/v1/admin/users'
const PASSWORD = 'the tide comes at seven'
const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000 } },
}

onEveryStack('the API: import and export', options, (app) => {
  let owner: Caller
  let admin: Caller
  before(async () => {
    owner = await newCaller(app, 'owner', ['owner'])
    admin = await newCaller(app, 'admin', ['admin'])
  })

  const sendLines = (who: Caller, body: string, query = '', type = 'application/x-ndjson') =>
    send('POST', `${app.issuer}${USERS}/import${query}`, body, {
      ...{ bearer: who.token, headers: { 'content-type': type } },
    })
  const load = (who: Caller, lines: object[], query = ''): Promise<Answer> =>
    sendLines(who, lines.map((line) => JSON.stringify(line)).join('\n'), query)
  const counts = ({ json, text }: Answer) => {
    expect(json, text).to.have.property('faults')
    return [json.created, json.updated, json.unchanged, json.skipped, json.refused]
  }
  const signsIn = async (email: string, password: string) => {
    const started = await begin(await discover(app.issuer))
    return (await walk(new UserAgent(), started.url, { email, password })).url.includes('code=')
  }
  const userOf = async (email: string) =>
    (await owner.get(`${USERS}?search=${encodeURIComponent(email)}`)).json.items[0]
  const phcOf = async (id: string) =>
    (await app.sql.query<{ phc: string }>('select phc from passwords where user_id = $1', [id]))[0]?.phc

  const FULL = {
    id: '3f2b8a30-52b1-4e9e-8d1c-0a7d5c1b9e11',
    email: 'Full@Example.org',
    email_verified: true,
    username: 'full',
    name: 'Full Person',
    given_name: 'Full',
    birthdate: '1990-05-31',
    locale: 'de-AT',
    phone_number: '+43 1 234567',
    phone_number_verified: true,
    address: { street_address: 'Am Kai 1', locality: 'Wien', country: 'AT' },
    disabled: true,
    created_at: '2019-03-01T08:30:00.123Z',
    roles: ['support'],
  }

  it('takes a person with all that is known, keeps the id and the moment, and gives the same line back', async () => {
    expect(counts(await load(owner, [FULL]))).to.deep.equal([1, 0, 0, 0, 0])
    const { json } = await owner.get(`${USERS}/${FULL.id}`)
    expect(json).to.deep.include({
      ...{ id: FULL.id, email: FULL.email, email_verified: true, username: 'full', status: 'disabled' },
      ...{ created_at: FULL.created_at, roles: ['support'] },
    })
    const { text, headers, status } = await owner.get(`${USERS}/export`)
    expect([status, headers.get('content-type')]).to.deep.equal([200, 'application/x-ndjson'])
    const line = text.split('\n').find((one) => one.includes(FULL.id))
    expect(JSON.parse(String(line))).to.deep.equal(FULL)
    const [record] = (await audited(app, 'user.imported')).filter(({ user_id }) => user_id === FULL.id)
    expect(record?.detail).to.deep.equal({ by: owner.userId, as: 'created' })
    const whole = (await audited(app, 'users.imported')).at(-1)
    expect(whole?.detail).to.deep.equal({
      ...{ by: owner.userId, read: 1, created: 1, updated: 0, unchanged: 0, skipped: 0, refused: 0 },
    })
    expect((await audited(app, 'users.exported')).at(-1)?.detail).to.deep.equal({
      ...{ by: owner.userId, hashes: false },
    })
  })

  it('a password of elsewhere signs in, and is then one of ours; a wrong one does not, and changes nothing', async () => {
    const hash = bcrypt(PASSWORD, 4)
    const person = { email: 'bcrypt@example.org', email_verified: true, password_hash: hash }
    expect(counts(await load(admin, [person]))).to.deep.equal([1, 0, 0, 0, 0])
    const { id } = await userOf(person.email)
    const before = String(await phcOf(id))
    expect(before)
      .to.match(/^\$sealed\$/)
      .and.not.include(hash.slice(7))
    expect(await signsIn(person.email, 'the tide comes at eight')).to.equal(false)
    expect(await phcOf(id)).to.equal(before)
    expect(await signsIn(person.email, PASSWORD)).to.equal(true)
    const after = String(await phcOf(id))
    expect(after).to.match(/^\$argon2id\$.*keyid=/)
    expect(await signsIn(person.email, PASSWORD)).to.equal(true)
    expect(await phcOf(id)).to.equal(after)
    // The file once more does not bring the old hash back.
    expect(counts(await load(admin, [person], '?on_conflict=update'))).to.deep.equal([0, 0, 1, 0, 0])
    expect(await phcOf(id)).to.equal(after)
    const { text } = await owner.get(`${USERS}/export`)
    expect(text).to.not.include('password_hash').and.not.include('argon2')
  })

  it('the same lines twice change nothing, whatever is said of conflicts', async () => {
    const lines = Array.from({ length: 600 }, (_, n) => ({
      email: `many${n}@example.org`,
      username: `many${n}`,
    }))
    expect(counts(await load(admin, lines))).to.deep.equal([600, 0, 0, 0, 0])
    const versions = () => app.sql.query(`select id, version from users where email like 'many%' order by id`)
    const before = await versions()
    for (const conflict of ['refuse', 'skip', 'update'])
      expect(counts(await load(admin, lines, `?on_conflict=${conflict}`))).to.deep.equal([0, 0, 600, 0, 0])
    expect(await versions()).to.deep.equal(before)
  })

  it('people who are there are refused, left or changed, as is asked for', async () => {
    const line = { email: 'many1@example.org', name: 'Another name', email_verified: true }
    const refused = await load(admin, [line])
    expect(counts(refused)).to.deep.equal([0, 0, 0, 0, 1])
    expect(refused.json.faults[0]).to.include({ line: 1, field: 'email' })
    expect(counts(await load(admin, [line], '?on_conflict=skip'))).to.deep.equal([0, 0, 0, 1, 0])
    expect((await userOf(line.email)).profile).to.deep.equal({})
    expect(counts(await load(admin, [line], '?on_conflict=update'))).to.deep.equal([0, 1, 0, 0, 0])
    const { id, ...now } = await userOf(line.email)
    expect(now).to.deep.include({
      email_verified: true,
      profile: { name: 'Another name' },
      username: 'many1',
    })
    const [record] = (await audited(app, 'user.imported')).filter(
      ({ user_id, detail }) => user_id === id && (detail as { as: string }).as === 'updated',
    )
    expect(record?.detail).to.deep.equal({ by: admin.userId, as: 'updated', changed: 'profile verify' })
  })

  it('who is disabled by a line loses all access at once', async () => {
    const person = await newCaller(app, 'to-lock')
    const answer = await load(admin, [{ email: person.email, disabled: true }], '?on_conflict=update')
    expect(counts(answer)).to.deep.equal([0, 1, 0, 0, 0])
    expect((await person.get('/api/v1/users/me')).status).to.equal(401)
  })

  it('a dry run says the same and writes nothing', async () => {
    const people = () => app.sql.query('select id, version from users order by id')
    const before = await people()
    const events = (await audited(app, 'users.imported')).length
    const lines = [
      { email: 'dry@example.org', password_hash: bcrypt(PASSWORD, 4) },
      { email: 'many1@example.org', name: 'Third' },
    ]
    const { json } = await load(admin, lines, '?dry_run=true&on_conflict=update')
    expect(json).to.deep.equal({
      ...{ dry_run: true, read: 2, created: 1, updated: 1, unchanged: 0, skipped: 0, refused: 0, faults: [] },
    })
    expect(await people()).to.deep.equal(before)
    expect((await audited(app, 'users.imported')).length).to.equal(events)
  })

  it('each fault is told with its line, its member, what is wrong and what to do; the other lines are written', async () => {
    const body = [
      '{"email":"good@example.org"}',
      '',
      'no json',
      '[]',
      '{"email":"A Person <a@example.org>"}',
      '{"email":"x1@example.org","shoe_size":42}',
      '{"email":"GOOD@example.org"}',
      '{"email":"x2@example.org","id":"../1"}',
      '{"email":"x3@example.org","password_hash":"5f4dcc3b5aa765d61d8327deb882cf99"}',
      `{"email":"x4@example.org","password_hash":"$2b$31$${'a'.repeat(53)}"}`,
      '{"email":"x5@example.org","roles":["emperor"]}',
      '{"email":"x6@example.org","created_at":"2999-01-01T00:00:00Z"}',
      '{"email":"x7@example.org","username":"many2","website":"javascript:alert(1)"}',
      '{"email":"x8@example.org","username":"many2"}',
      '{"email":"x9@example.org","email_verified":"yes","disabled":1}',
      '{"email":"x\\u0000@example.org"}',
      `{"email":"x10@example.org","name":"${'n'.repeat(40_000)}"}`,
      '{"email":"x11@example.org","__proto__":{"roles":["owner"]}}',
      '{"email":"x12@example.org","created_at":"0000-06-01T00:00:00Z"}',
      '{"email":"x13@example.org","created_at":"0001-01-01T00:00:00+02:00"}',
    ].join('\r\n')
    const answer = await sendLines(admin, body, '?on_conflict=skip', 'application/jsonl; charset=utf-8')
    expect(counts(answer)).to.deep.equal([1, 0, 0, 0, 18])
    const told = answer.json.faults.map(
      ({ line, field }: { line: number; field: string }) => `${line} ${field}`,
    )
    expect(told).to.have.members([
      ...['3 ', '4 ', '5 email', '6 shoe_size', '7 email', '8 id', '9 password_hash', '10 password_hash'],
      ...['11 roles', '12 created_at', '13 website', '14 username', '15 email_verified', '15 disabled'],
      ...['16 ', '17 ', '18 __proto__', '19 created_at', '20 created_at'],
    ])
    for (const { what, remedy } of answer.json.faults) {
      expect(what).to.be.a('string').with.length.above(10)
      expect(remedy).to.be.a('string').with.length.above(10)
    }
    expect(answer.text, 'no hash is repeated').to.not.include('5f4dcc').and.not.include('aaaaaa')
    expect((await app.sql.query(`select 1 from users where email like 'x%'`)).length).to.equal(0)
  })

  it('an administrator gives no roles by it, and changes nobody who may more', async () => {
    const roles = await load(admin, [{ email: 'climber@example.org', roles: ['owner'] }])
    expect(roles.json.faults[0]).to.include({ field: 'roles' })
    const line = { id: owner.userId, email: 'taken-over@example.org', email_verified: true }
    const over = await load(admin, [line], '?on_conflict=update')
    expect(counts(over)).to.deep.equal([0, 0, 0, 0, 1])
    expect((await owner.get('/api/v1/users/me')).json.email).to.equal(owner.email)
    const own = await load(admin, [{ email: admin.email, roles: ['owner'] }], '?on_conflict=update')
    expect(own.json.faults[0]).to.include({ field: 'roles' })
    const last = await load(owner, [{ email: owner.email, disabled: true }], '?on_conflict=update')
    expect(last.json.faults[0]).to.include({ field: 'disabled' })
  })

  it('an app gives no role that allows what it was not given, and a dry run says so', async () => {
    const narrow = await signedIn(app, owner.email, { scopes: ['users:import', 'roles:write'] })
    const lines = [{ email: 'by-app@example.org', roles: ['support'] }, { email: 'plain@example.org' }]
    for (const query of ['?dry_run=true', '']) {
      const answer = await load(narrow, lines, query)
      expect(counts(answer), query).to.deep.equal([1, 0, 0, 0, 1])
      expect(answer.json.faults[0], query).to.include({ line: 1, field: 'roles' })
    }
  })

  it('who may import and not change people changes nobody by it: by their roles, or by their app', async () => {
    const role = { name: 'mover', permissions: ['users:read', 'users:import'] }
    expect((await owner.send('POST', '/api/v1/admin/roles', role)).status).to.equal(201)
    const mover = await newCaller(app, 'mover', ['mover'])
    const app2 = await newCaller(app, 'by-app', ['admin'], { scopes: ['users:read', 'users:import'] })
    const { userId } = await newCaller(app, 'victim')
    for (const who of [mover, app2]) {
      const line = { id: userId, email: 'taken-over@example.org', email_verified: true }
      const { json } = await load(who, [line], '?on_conflict=update')
      expect([json.updated, json.faults[0]?.what]).to.deep.equal([0, 'you may not change people'])
      const made = await load(who, [{ email: `made-by-${who.userId}@example.org` }])
      expect(counts(made)).to.deep.equal([1, 0, 0, 0, 0])
    }
    expect((await owner.get(`${USERS}/${userId}`)).json.email).to.equal('victim@example.org')
  })

  it('a name that a registration holds is not taken from it', async () => {
    await app.app.storage.database.users.reserveUsername('holder', 'flow-1', 600)
    const answer = await load(admin, [{ email: 'h@example.org', username: 'Holder' }])
    expect(answer.json.faults[0]).to.include({ field: 'username' })
  })

  it('of several imports of the same people at once each person is made once, and none fails', async () => {
    const lines = Array.from({ length: 40 }, (_, n) => ({
      email: `race${n}@example.org`,
      username: `race${n}`,
    }))
    const answers = await Promise.all(Array.from({ length: 4 }, () => load(admin, lines)))
    for (const { status, text } of answers) expect(status, text).to.be.oneOf([200, 503])
    const made = answers.reduce((sum, { json }) => sum + (json.created ?? 0), 0)
    expect(made).to.equal(40)
    expect((await app.sql.query(`select 1 from users where email like 'race%'`)).length).to.equal(40)
  })

  it('takes lines of JSON in UTF-8 and nothing else, up to a size', async () => {
    const json = await sendLines(admin, '{}', '', 'application/json')
    expect([json.status, json.json.code]).to.deep.equal([415, 'unsupported_media_type'])
    const large = await sendLines(admin, `${' '.repeat(1000)}\n`.repeat(5000))
    expect([large.status, large.json.code]).to.deep.equal([413, 'too_large'])
    const unknown = await load(admin, [], '?on_conflict=overwrite')
    expect(unknown.status).to.equal(400)
  })

  it('an export into an empty deployment and out again is the same, byte for byte', async function () {
    this.timeout(60_000)
    const first = (await owner.get(`${USERS}/export`)).text
    expect(first.split('\n').length).to.be.above(640)
    const other = await startApp({ stack: app.stack })
    try {
      const { userImport, exportUsers } = (await import('../../src/app-transfer.ts')).userTransfer({
        storage: other.app.storage,
        keyring: await (await import('../support/people.ts')).keyringOf(other),
      })
      // Roles that were made there are no part of the people.
      for (const role of await app.app.storage.database.roles.list())
        await other.app.storage.database.roles.insert(role)
      const report = await userImport.run(
        (async function* () {
          yield* first.split('\n')
        })(),
        { dryRun: false, onConflict: 'refuse' },
        { by: 'cli' },
      )
      expect(report.faults).to.deep.equal([])
      const again: string[] = []
      for await (const line of exportUsers({ by: 'cli' })) again.push(line)
      expect(again.join('')).to.equal(first)
    } finally {
      const sql = await sqlOf(other)
      await sql.close()
      await other.close()
    }
  })
})
