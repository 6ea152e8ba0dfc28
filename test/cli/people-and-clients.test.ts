/** `ostiary user` and `ostiary client` as an operator runs them while everything runs, and what apps and people then see. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as client from 'openid-client'
import { ostiary, ostiaryMeanwhile, settingsOf } from '../support/command.ts'
import { createPerson } from '../support/people.ts'
import { JANE, signIn } from '../support/protocol.ts'
import { CALLBACK, discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('ostiary user and ostiary client', function () {
  this.timeout(300_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-people-'))
  let app: RunningApp
  before(async () => {
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [webClient()] } })
    await createPerson(app, JANE)
  })
  after(async () => {
    await app?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  const settings = () => ({ ...settingsOf(app), ARGON2_MEMORY_KIB: '19456' })
  const run = (...words: string[]) => ostiary(settings(), words)
  /** With an answer as JSON that must be one. */
  async function done(words: string[], input?: string) {
    const { status, stdout, stderr } = await ostiaryMeanwhile(settings(), [...words, '--json'], input)
    expect([status, stderr], words.join(' ')).to.deep.equal([0, ''])
    return JSON.parse(stdout)
  }
  async function refused(words: string[], input?: string) {
    const { status, stdout, stderr } = await ostiaryMeanwhile(settings(), [...words, '--json'], input)
    expect([status, stdout], words.join(' ')).to.deep.equal([1, ''])
    return JSON.parse(stderr).error as { code: string; message: string; faults?: { name: string }[] }
  }
  /** The newest records of what was done here. */
  async function recorded(count: number) {
    const { items } = await app.app.storage.database.trail.list({ limit: 50 })
    return items
      .filter(({ detail }) => detail.by === 'cli')
      .slice(0, count)
      .map(({ name }) => name)
      .reverse()
  }
  function file(name: string, value: unknown): string {
    const path = join(folder, name)
    writeFileSync(path, JSON.stringify(value))
    return path
  }

  it('makes, invites, finds and shows people', async () => {
    const made = await done(
      ['user', 'create', 'ann@example.org', '--username', 'ann', '--verified', '--password-stdin'],
      'a password that nobody guesses 42\n',
    )
    expect(made).to.deep.include({ email: 'ann@example.org', username: 'ann', email_verified: true })
    const invited = await done(['user', 'create', 'bob@example.org'])
    expect(await recorded(2)).to.deep.equal(['user.created', 'user.created'])
    const { items } = await done(['user', 'list', '--search', 'ann'])
    expect(items.map(({ id }: { id: string }) => id)).to.deep.equal([made.id])
    expect((await done(['user', 'show', invited.id])).email).to.equal('bob@example.org')
    expect(run('user', 'list', '--limit', '1').stdout).to.match(
      /bob@example\.org {2}\(not verified\)\n… and more/,
    )
    const all = await done(['user', 'list', '--limit', '0'])
    expect([all.items.length, all.more]).to.deep.equal([3, false])
  })

  it('changes an address and a username', async () => {
    const changed = await done([
      'user',
      'update',
      'bob@example.org',
      '--email',
      'rob@example.org',
      '--username',
      'rob',
    ])
    expect(changed).to.deep.include({ email: 'rob@example.org', email_verified: false, username: 'rob' })
    expect(await recorded(1)).to.deep.equal(['user.updated'])
    expect((await refused(['user', 'update', 'rob@example.org', '--email', JANE.email])).code).to.equal(
      'email_taken',
    )
    expect(
      (await refused(['user', 'update', 'rob@example.org', '--email', 'nowhere'])).faults,
    ).to.have.length(1)
    expect((await refused(['user', 'update', 'bob@example.org', '--username', 'x'])).code).to.equal(
      'not_found',
    )
    expect(run('user', 'update', 'rob@example.org').status).to.equal(2)
  })

  it('refuses in the words of the API, and changes nothing', async () => {
    expect(await refused(['user', 'create', 'ANN@example.org'])).to.deep.equal({
      code: 'email_taken',
      message: 'Nothing was changed: The e-mail address is in use.',
    })
    const wrong = await refused(['user', 'create', 'nobody', '--password-stdin'], 'short')
    expect([wrong.code, wrong.faults?.map(({ name }) => name)]).to.deep.equal([
      ...['invalid_input', ['email', 'password']],
    ])
    for (const what of ['show', 'disable', 'enable', 'sessions', 'sign-out'])
      expect((await refused(['user', what, 'nobody@example.org'])).code, what).to.equal('not_found')
    expect(run('user', 'create', 'x@example.org', '--password-stdin').status).to.equal(2)
    expect((await done(['user', 'list', '--limit', '0'])).items).to.have.length(3)
  })

  it('signs out, locks out and lets in again, at once on the running server', async () => {
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, { scope: 'openid' })
    await client.fetchUserInfo(rp, tokens.access_token, sub)
    const { items } = await done(['user', 'sessions', JANE.email])
    expect(items.map((session: { client_ids: string[] }) => session.client_ids)).to.deep.equal([['web']])
    await done(['user', 'sign-out', JANE.email])
    const late = await client.fetchUserInfo(rp, tokens.access_token, sub).catch((error: Error) => error)
    expect(late).to.be.instanceOf(client.WWWAuthenticateChallengeError)
    expect((await done(['user', 'sessions', JANE.email])).items).to.deep.equal([])
    expect((await done(['user', 'disable', JANE.email])).status).to.equal('disabled')
    expect((await done(['user', 'enable', JANE.email])).status).to.equal('active')
    expect(await recorded(3)).to.deep.equal(['user.signed_out_everywhere', 'user.disabled', 'user.enabled'])
  })

  it('never locks the last owner out', async () => {
    const ann = await done(['user', 'show', 'ann@example.org'])
    await app.app.storage.database.users.addRole(ann.id, 'owner')
    expect((await refused(['user', 'disable', ann.id])).code).to.equal('last_owner')
  })

  it('makes a client that an app can use, changes and deletes it', async () => {
    const metadata = file('client.json', { client_name: 'Shop', redirect_uris: [CALLBACK] })
    const made = await done(['client', 'create', metadata, '--id', 'shop', '--first-party'])
    expect(made).to.deep.include({ client_id: 'shop', first_party: true })
    const rp = await discover(app.issuer, 'shop', made.client_secret)
    expect((await signIn(rp, { scope: 'openid' })).tokens.access_token).to.be.a('string')
    const changed = await done(['client', 'update', 'shop', '-'], '{"client_name":"The shop"}')
    expect(changed.metadata).to.deep.include({ client_name: 'The shop', redirect_uris: [CALLBACK] })
    const { items } = await done(['client', 'list', '--search', 'the sh'])
    expect(items.map((one: { client_id: string }) => one.client_id)).to.deep.equal(['shop'])
    expect(JSON.stringify(await done(['client', 'show', 'shop']))).to.not.include(made.client_secret)
    expect((await done(['client', 'disable', 'shop'])).status).to.equal('disabled')
    expect((await done(['client', 'enable', 'shop'])).status).to.equal('active')
    expect(await done(['client', 'delete', 'shop', '--yes'])).to.deep.equal({ deleted: 'shop' })
    expect(await recorded(5)).to.deep.equal([
      ...['client.created', 'client.updated'],
      ...['client.disabled', 'client.enabled', 'client.deleted'],
    ])
  })

  it('refuses what the protocol refuses of a client, by the member’s name', async () => {
    const wrong = file('wrong.json', { redirect_uris: ['https://app.example/cb#x'] })
    const fault = await refused(['client', 'create', wrong])
    expect([fault.code, fault.faults?.map(({ name }) => name)]).to.deep.equal([
      ...['invalid_input', ['metadata/redirect_uris']],
    ])
    const secret = file('secret.json', { client_secret: 'mine', redirect_uris: [CALLBACK] })
    expect((await refused(['client', 'create', secret])).message).to.include('must not hold client_secret')
    expect(
      (await refused(['client', 'create', file('good.json', { redirect_uris: [CALLBACK] }), '--id', 'web']))
        .code,
    ).to.equal('client_taken')
    expect((await refused(['client', 'create', join(folder, 'none.json')])).code).to.equal('invalid_input')
    for (const words of [
      ['show', 'x'],
      ['disable', 'x'],
      ['delete', 'x', '--yes'],
    ])
      expect((await refused(['client', ...words])).code, words[0]).to.equal('not_found')
    expect(run('client', 'delete', 'web').status).to.equal(2)
  })
})
