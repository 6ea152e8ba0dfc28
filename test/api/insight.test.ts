/** Looking across a deployment: sessions, consents, usage by day, what could not be delivered, and trying an application. */
import { expect } from 'chai'
import { SETTING_NAMES } from '../../src/config/schema.ts'
import { keepUsage } from '../../src/domain/operations/usage.ts'
import { audited, type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { newAgent, onEveryStack, post, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const ADMIN = '/api/v1/admin'
const LETTERS = `${ADMIN}/outbox/dead-letters`
const DAY_MS = 86_400_000
const clients = [
  webClient(CONSOLE),
  webClient({ client_id: 'asks' }),
  webClient({ client_id: 'pushes', require_pushed_authorization_requests: true }),
  {
    ...{ client_id: 'machine', client_secret: RP_SECRET, grant_types: ['client_credentials'] },
    ...{ redirect_uris: [], response_types: [] },
  },
]

onEveryStack('the API: looking across', { people: [], overrides: { clients } }, (app) => {
  let admin: Caller
  before(async function () {
    this.timeout(120_000)
    admin = await newCaller(app, 'admin', ['admin'])
  })

  it('finds sessions by person and application, newest first, until they end', async () => {
    const jane = await newCaller(app, 'jane')
    await signIn(await discover(app.issuer, 'asks'), {}, { person: jane, agent: jane.agent })
    const mine = async () => (await admin.get(`${ADMIN}/sessions?user_id=${jane.userId}`)).json.items
    const [session, ...others] = await mine()
    expect(others).to.deep.equal([])
    expect(session.client_ids).to.have.members(['web', 'asks'])
    expect(Date.now() - Date.parse(session.started_at)).to.be.within(0, 120_000)
    const found = await admin.get(`${ADMIN}/sessions?client_id=asks`)
    expect(found.json.items.map(({ user_id }: { user_id: string }) => user_id)).to.deep.equal([jane.userId])
    const first = await admin.get(`${ADMIN}/sessions?limit=1`)
    expect(first.json.items).to.deep.equal([session])
    const second = await admin.get(`${ADMIN}/sessions?limit=1&cursor=${first.json.next_cursor}`)
    expect(second.json.items[0].user_id).to.equal(admin.userId)
    const consents = await admin.get(`${ADMIN}/consents?client_id=asks`)
    expect(consents.json.items[0]).to.deep.include({ user_id: jane.userId, client_id: 'asks' })

    const ended = await admin.send('DELETE', `${ADMIN}/users/${jane.userId}/sessions/${session.id}`)
    expect(ended.status).to.equal(204)
    expect(await mine()).to.deep.equal([])
  })

  it('counts by day what happened, and remembers it when the records are gone', async () => {
    const day = (ago: number) => new Date(Date.now() - ago * DAY_MS).toISOString().slice(0, 10)
    const usage = async (query: string) => (await admin.get(`${ADMIN}/usage?${query}`)).json
    const [before] = (await usage(`from=${day(0)}`)).days
    await newCaller(app, 'counted')
    await admin.send('POST', `${ADMIN}/users`, { email: 'made@example.org' })
    const agent = newAgent()
    const wrong = { email: 'counted@example.org', password: 'not the password' }
    await signIn(await discover(app.issuer), {}, { agent, person: wrong }).catch(() => {})
    const { active_sessions: active, days } = await usage(`from=${day(0)}`)
    expect(days).to.have.length(1)
    expect(days[0].sign_ins - before.sign_ins).to.equal(1)
    expect(days[0].new_users.created - before.new_users.created).to.equal(1)
    expect(days[0].failures.wrong_credentials - before.failures.wrong_credentials).to.be.at.least(1)
    const open = await app.sql.query('select 1 from oidc_session_families where ended_at is null')
    expect(active).to.equal(open.length)

    const old = `insert into audit_events (name, outcome, created_at)
      select $1, 'success', now() - interval '3 days' from generate_series(1, 5)`
    await app.sql.query(old, ['user.signed_in'])
    const week = await usage(`from=${day(6)}&to=${day(0)}`)
    expect(week.days.map((one: { day: string }) => one.day)).to.deep.equal([6, 5, 4, 3, 2, 1, 0].map(day))
    expect(week.days.map((one: { sign_ins: number }) => one.sign_ins).slice(0, 6)).to.deep.equal([
      ...[0, 0, 0, 5, 0, 0],
    ])
    await app.sql.query(`delete from audit_events where created_at < now() - interval '2 days'`)
    expect((await usage(`from=${day(6)}&to=${day(3)}`)).days.at(-1).sign_ins).to.equal(5)
    expect((await usage('')).days).to.have.length(30)

    // 60 days ago: nobody asked before the records went.
    await app.sql.query(old.replace('3 days', '60 days'), ['user.signed_in'])
    await keepUsage(app.app.storage.database.usage, new Date())
    await app.sql.query(`delete from audit_events where created_at < now() - interval '50 days'`)
    expect((await usage(`from=${day(60)}&to=${day(60)}`)).days[0].sign_ins).to.equal(5)
    for (const range of [`from=${day(0)}&to=${day(1)}`, `from=${day(92)}`, 'from=2026-02-30', 'to=yesterday'])
      expect((await admin.get(`${ADMIN}/usage?${range}`)).json.code, range).to.equal('invalid_parameter')
    expect((await admin.get(`${ADMIN}/usage?from=${day(91)}`)).status).to.equal(200)
  })

  it('shows what could not be delivered without what it says; tries it again, or drops it', async () => {
    const jane = await newCaller(app, 'letters')
    const dead = async (job: object, error: string) => {
      const [row] = await app.sql.query<{ id: string }>(
        `insert into outbox (job, attempts, last_error, dead_at) values ($1, 9, $2, now()) returning id`,
        [JSON.stringify(job), error],
      )
      return String(row?.id)
    }
    await dead({ kind: 'webhook', webhookId: 'whk_gone', deliveryId: 'msg_gone' }, 'status 500')
    const [hook] = (await admin.get(LETTERS)).json.items
    expect(hook, 'an endpoint is no application').to.include({ kind: 'webhook', client_id: null })
    await app.sql.query(`delete from outbox where kind = 'webhook'`)
    const at = new Date().toISOString()
    const mail = await dead({ template: 'password-changed', userId: jane.userId, at }, 'no such host')
    const notice = { kind: 'backchannel-logout', clientId: 'web', accountId: 'usr_secretive' }
    await dead(notice, 'refused')
    const listed = await admin.get(LETTERS)
    expect(listed.text).to.not.include('usr_secretive').and.not.include('password-changed')
    expect(listed.json.items.map((one: { kind: string }) => one.kind)).to.have.members([
      ...['mail', 'backchannel-logout'],
    ])
    const [letter] = (await admin.get(`${LETTERS}?kind=mail`)).json.items
    expect(letter).to.deep.include({ id: mail, client_id: null, attempts: 9, error: 'no such host' })

    expect((await admin.send('POST', `${LETTERS}/${mail}/replay`)).json).to.deep.equal({ count: 1 })
    expect((await app.nextMail('letters@example.org')).subject).to.be.a('string')
    expect((await admin.send('POST', `${LETTERS}/${mail}/replay`)).status, 'it is gone').to.equal(404)
    expect((await admin.send('DELETE', `${LETTERS}/no-id`)).status).to.equal(404)
    const kind = { kind: 'backchannel-logout' }
    expect((await admin.send('POST', `${ADMIN}/outbox/discard`, kind)).json).to.deep.equal({ count: 1 })
    expect((await admin.send('POST', `${ADMIN}/outbox/replay`, kind)).json).to.deep.equal({ count: 0 })
    expect((await admin.get(LETTERS)).json.items).to.deep.equal([])
    const by = admin.userId
    const [replayed] = await audited(app, 'outbox.replayed')
    expect(replayed?.detail).to.deep.equal({ by, kind: 'mail', count: 1, id: mail })
    const discarded = await audited(app, 'outbox.discarded')
    expect(discarded.map(({ detail }) => detail)).to.deep.equal([{ by, ...kind, count: 1 }])
  })

  it('shows the settings and where they come from, and of secrets only that they are there', async () => {
    const { json, text } = await admin.get(`${ADMIN}/settings`)
    const of = (name: string) => json.items.find((one: { name: string }) => one.name === name)
    expect(json.items.map(({ name }: { name: string }) => name)).to.deep.equal([...SETTING_NAMES])
    expect(of('PORT')).to.include({ value: String(app.config.listen.port), secret: false })
    expect(of('OSTIARY_SECRET_KEY'))
      .to.include({ value: null, secret: true })
      .and.not.include({ source: 'default' })
    expect(of('BRAND_NAME')).to.include({ value: null, source: 'default' })
    expect(json.effective.brandName).to.equal('Ostiary')
    expect(json.effective.lifetimes.session).to.deep.equal(app.config.lifetimes.session)
    expect(text).to.not.include(app.secrets.rootKey.toString('base64'))
    for (const secret of [app.secrets.databaseUrl, app.secrets.redisUrl])
      if (secret !== undefined) expect(text).to.not.include(secret)
    const patched = await admin.send('PATCH', `${ADMIN}/settings`, { PORT: '1' })
    expect(patched.status, 'read only').to.equal(405)
  })

  it('makes an address with which an application is tried, to its tokens', async () => {
    await newCaller(app, 'tries')
    const made = await admin.send('POST', `${ADMIN}/clients/asks/test-url`)
    expect(made.status, made.text).to.equal(200)
    expect(made.json).to.deep.include({ redirect_uri: CALLBACK, needs: null })
    expect(made.json.weaknesses).to.be.an('array')
    const { url } = await walk(newAgent(), new URL(made.json.url), { email: 'tries@example.org' })
    const answer = new URL(url).searchParams
    expect(answer.get('state')).to.equal(made.json.state)
    const form = {
      ...{ grant_type: 'authorization_code', code: String(answer.get('code')), redirect_uri: CALLBACK },
      code_verifier: made.json.code_verifier,
    }
    const tokens = await post(`${app.issuer}/token`, form, { basic: ['asks', RP_SECRET] })
    expect(tokens.json.id_token, tokens.text).to.be.a('string')
    const again = await admin.send('POST', `${ADMIN}/clients/asks/test-url`)
    expect(again.json.code_verifier).to.not.equal(made.json.code_verifier)
    const pushes = await admin.send('POST', `${ADMIN}/clients/pushes/test-url`)
    expect(pushes.json.needs).to.equal('pushed_request')
    const machine = await admin.send('POST', `${ADMIN}/clients/machine/test-url`)
    expect([machine.status, machine.json.code]).to.deep.equal([409, 'no_sign_in'])
  })
})
