/** Sessions, consents, usage, and what one application may do, by command beside a running server; and what apps then see. */
import { expect } from 'chai'
import { ostiaryMeanwhile, settingsOf } from '../support/command.ts'
import { createPerson } from '../support/people.ts'
import { JANE, newAgent, post, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('ostiary session, consent, usage, client api-access and test-url', function () {
  this.timeout(300_000)
  let app: RunningApp
  before(async () => {
    const machine = webClient({
      ...{ client_id: 'machine', redirect_uris: [], response_types: [] },
      grant_types: ['client_credentials'],
    })
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [webClient(), machine] } })
    await createPerson(app, JANE)
    await signIn(await discover(app.issuer), { scope: 'openid email' })
  })
  after(() => app?.close())

  const run = (...words: string[]) => ostiaryMeanwhile(settingsOf(app), words)
  async function done(...words: string[]) {
    const { status, stdout, stderr } = await run(...words, '--json')
    expect([status, stderr], words.join(' ')).to.deep.equal([0, ''])
    return JSON.parse(stdout)
  }
  async function refused(...words: string[]) {
    const { status, stdout, stderr } = await run(...words, '--json')
    expect(stdout, words.join(' ')).to.equal('')
    return [status, JSON.parse(stderr).error.code]
  }
  /** The newest record of that name. */
  async function recorded(name: string) {
    const { items } = await app.app.storage.database.trail.list({ name, limit: 1 })
    return items[0] && { clientId: items[0].clientId, detail: items[0].detail }
  }

  it('finds sessions by person and by application, and one of them ends', async () => {
    const { items, more } = await done('session', 'list')
    expect([items.length, more]).to.deep.equal([1, false])
    const [session] = items
    expect(session).to.deep.include({ client_ids: ['web'] })
    expect((await done('session', 'list', '--user', JANE.email, '--client', 'web')).items).to.deep.equal(
      items,
    )
    expect((await done('session', 'list', '--client', 'machine')).items).to.deep.equal([])
    expect((await run('session', 'list', '--client', 'machine')).stdout).to.equal(
      'Nobody is signed in there.\n',
    )
    expect((await run('session', 'list')).stdout).to.match(
      new RegExp(
        `^${session.id}  ${session.user_id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC  web\\n$`,
      ),
    )
    expect(await refused('session', 'list', '--user', 'nobody@example.org')).to.deep.equal([1, 'not_found'])
    expect(await refused('session', 'list', '--limit', '-1')).to.deep.equal([2, 'usage'])
    await done('user', 'sign-out', session.user_id, session.id)
    expect((await done('session', 'list')).items).to.deep.equal([])
    expect((await recorded('session.ended'))?.detail.by).to.equal('cli')
  })

  it('finds what people allowed, and takes it back', async () => {
    const { items } = await done('consent', 'list', '--user', JANE.email)
    expect(items).to.have.length(1)
    expect(items[0]).to.deep.include({ client_id: 'web', scopes: ['openid', 'email'] })
    expect((await run('consent', 'list', '--client', 'web')).stdout).to.match(
      / {2}web {2}.+ UTC {2}openid email\n$/,
    )
    await done('consent', 'withdraw', JANE.email, 'web')
    expect(await recorded('consent.withdrawn')).to.deep.include({ clientId: 'web' })
    expect((await done('consent', 'list')).items).to.deep.equal([])
    expect(await refused('consent', 'withdraw', JANE.email, 'web')).to.deep.equal([1, 'not_found'])
    expect(await refused('consent', 'withdraw', 'nobody@example.org', 'web')).to.deep.equal([1, 'not_found'])
  })

  it('counts what was done, by day', async () => {
    const { active_sessions, days } = await done('usage')
    expect([active_sessions, days.length]).to.deep.equal([0, 30])
    expect(days.at(-1).sign_ins + days.at(-2).sign_ins, 'today, or just before midnight').to.equal(1)
    const today = days.at(-1).day
    const words = (await run('usage', '--from', today, '--to', today)).stdout
    expect(words).to.match(
      new RegExp(`^day .+ created\\n${today}( +\\d+){6}\\n\\n0 sessions are open\\.\\n$`),
    )
    for (const wrong of [
      ['--from', 'yesterday'],
      ['--from', '2026-02-30'],
      ['--from', '2026-02-02', '--to', '2026-02-01'],
      ['--from', '2026-01-01', '--to', '2026-06-01'],
    ])
      expect(await refused('usage', ...wrong), wrong.join(' ')).to.deep.equal([2, 'usage'])
  })

  it('lets an application do something here on its own account, and no more', async () => {
    expect((await run('client', 'api-access', 'machine')).stdout).to.equal(
      'machine on its own account: nothing\n',
    )
    const allowed = await done('client', 'api-access', 'machine', '--allow', 'users:read,clients:read')
    expect(allowed).to.deep.equal({ client_id: 'machine', permissions: ['users:read', 'clients:read'] })
    expect(await recorded('client.api_access_changed')).to.deep.equal({
      clientId: 'machine',
      detail: { by: 'cli', permissions: 'users:read clients:read' },
    })
    const token = () =>
      post(
        `${app.issuer}/token`,
        { grant_type: 'client_credentials', scope: 'users:read', resource: `${app.issuer}/api` },
        { basic: ['machine', RP_SECRET] },
      )
    expect((await token()).json.scope).to.equal('users:read')
    expect((await done('client', 'api-access', 'machine', '--none')).permissions).to.deep.equal([])
    expect((await token()).status).to.equal(400)
    expect(
      await refused('client', 'api-access', 'web', '--allow', 'users:read'),
      'no such grant',
    ).to.deep.equal([...[1, 'invalid_input']])
    expect(await refused('client', 'api-access', 'nobody', '--none')).to.deep.equal([1, 'not_found'])
    for (const wrong of [
      ['--allow', 'account:read'],
      ['--allow', ''],
      ['--allow', 'users:read', '--none'],
    ])
      expect(await refused('client', 'api-access', 'machine', ...wrong)).to.deep.equal([2, 'usage'])
  })

  it('makes an address that an application is tried with, to its tokens', async () => {
    const made = await done('client', 'test-url', 'web')
    expect(made).to.deep.include({ redirect_uri: CALLBACK, needs: null })
    const { url } = await walk(newAgent(), new URL(made.url), JANE)
    const answer = new URL(url).searchParams
    expect(answer.get('state')).to.equal(made.state)
    const form = {
      ...{ grant_type: 'authorization_code', code: String(answer.get('code')), redirect_uri: CALLBACK },
      code_verifier: made.code_verifier,
    }
    const tokens = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect(tokens.json.id_token, tokens.text).to.be.a('string')
    expect((await run('client', 'test-url', 'web')).stdout).to.match(
      new RegExp(`^${app.issuer}/\\S+\\n\\nredirect_uri   ${CALLBACK}\\nstate          \\S+\\n`),
    )
    expect(await refused('client', 'test-url', 'machine')).to.deep.equal([1, 'no_sign_in'])
    expect(await refused('client', 'test-url', 'nobody')).to.deep.equal([1, 'not_found'])
  })
})
