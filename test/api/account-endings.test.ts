/** Accounts on their way in and out: deleted with a cool-off and given back, invited again, made to choose a password. */
import { expect } from 'chai'
import { userDeletion } from '../../src/app-purge.ts'
import { audited, type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { auth } from '../support/auth-api.ts'
import { get, onEveryStack } from '../support/protocol.ts'
import { begin, discover, PASSWORD, walk, webClient } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const USERS = '/api/v1/admin/users'
const ME = '/api/v1/users/me'
const LINK = /http\S+\/reset-password\/\S+/
const options = {
  people: [],
  overrides: { clients: [webClient(CONSOLE)], limits: { apiPerson: 1_000_000 } },
}

onEveryStack('the API: accounts on their way in and out', options, (app) => {
  let admin: Caller
  before(async () => {
    admin = await newCaller(app, 'admin', ['admin'])
    await newCaller(app, 'owner', ['owner'])
  })

  const signsIn = async (email: string, password: string) => {
    const started = await begin(await discover(app.issuer))
    return (await walk(new UserAgent(), started.url, { email, password })).url.includes('code=')
  }
  const deletion = () =>
    userDeletion({
      ...{ config: app.config, storage: app.app.storage, clock: { now: () => new Date() } },
      ...{ accessEnded: () => {}, mailSoon: () => {} },
    })
  const due = (id: string) =>
    app.sql.query(`update user_deletions set erase_at = now() - interval '1 second' where user_id = $1`, [id])
  const records = async (name: string, id: string) =>
    (await audited(app, name)).filter(({ user_id }) => user_id === id)
  const linkIn = ({ text }: { text: string }) => LINK.exec(text)?.[0] ?? ''
  const choose = async (link: string, password: string) => {
    const agent = new UserAgent()
    const page = await agent.get(link)
    if (!page.forms.some(({ action }) => action.includes('reset-password'))) return 'dead'
    return (await agent.submit(page, { password })).text
  }

  it('a deleted account is locked at once, told so, kept for seven days, and erased by the purge', async () => {
    const person = await newCaller(app, 'leaving')
    const path = `${USERS}/${person.userId}`
    expect((await admin.send('DELETE', path)).status).to.equal(204)
    expect((await person.get(ME)).status).to.equal(401)
    expect((await get(`${app.issuer}/userinfo`, { bearer: person.token })).status).to.equal(401)
    expect(await signsIn(person.email, PASSWORD)).to.equal(false)
    const { json } = await admin.get(path)
    expect(json.status).to.equal('disabled')
    expect((Date.parse(json.erase_at) - Date.now()) / 86_400_000).to.be.closeTo(7, 0.01)
    const mail = await app.nextMail(person.email)
    expect(mail.subject).to.include('being deleted')
    expect(mail.text).to.include('7 days')
    expect((await records('user.deletion_begun', person.userId))[0]?.detail).to.deep.equal({
      ...{ by: admin.userId, erase_at: json.erase_at },
    })
    const enabled = await admin.send('POST', `${path}/enable`)
    expect([enabled.status, enabled.json.code]).to.deep.equal([409, 'deletion_pending'])
    await deletion().eraseDue(100)
    expect((await admin.get(path)).status, 'not before its time').to.equal(200)
    await due(person.userId)
    await deletion().eraseDue(100)
    expect((await admin.get(path)).status).to.equal(404)
    expect((await records('user.deleted', person.userId))[0]?.detail).to.deep.equal({ by: 'cool-off' })
    expect((await admin.send('POST', `${path}/restore`)).status).to.equal(404)
  })

  it('is given back as it was, by an administrator and by nobody else; what had ended stays ended', async () => {
    const person = await newCaller(app, 'returning')
    const path = `${USERS}/${person.userId}`
    expect((await person.send('DELETE', ME)).status).to.equal(204)
    // Neither the password nor a reset brings it back.
    expect(await signsIn(person.email, PASSWORD)).to.equal(false)
    expect((await admin.get(path)).json.erase_at).to.be.a('string')
    expect((await admin.send('POST', `${path}/restore`)).status).to.equal(204)
    expect((await admin.get(path)).json).to.include({ status: 'active', erase_at: null })
    expect((await person.get(ME)).status).to.equal(401)
    expect(await signsIn(person.email, PASSWORD)).to.equal(true)
    expect((await records('user.restored', person.userId))[0]?.detail).to.deep.equal({ by: admin.userId })
    expect((await admin.send('POST', `${path}/restore`)).status, 'twice').to.equal(404)
    await admin.send('POST', `${path}/disable`)
    await admin.send('DELETE', path)
    await admin.send('POST', `${path}/restore`)
    expect((await admin.get(path)).json.status, 'it was disabled before').to.equal('disabled')
  })

  it('of a restoration and the erasure at once exactly one happens', async () => {
    for (let round = 0; round < 4; round += 1) {
      const person = await newCaller(app, `between-${round}`)
      const path = `${USERS}/${person.userId}`
      await admin.send('DELETE', path)
      await due(person.userId)
      const [restored] = await Promise.all([
        admin.send('POST', `${path}/restore`),
        deletion().eraseDue(1),
        deletion().eraseDue(1),
      ])
      const there = (await admin.get(path)).status
      expect([restored.status, there]).to.be.deep.oneOf([
        [204, 200],
        [404, 404],
      ])
    }
  })

  it('what made an account goes with it, and repeating the request makes nobody', async () => {
    const made = { email: 'hired@example.org', password: PASSWORD }
    const joined = { email: 'joined@example.org', password: PASSWORD }
    const headers = { 'idempotency-key': 'once-for-each' }
    const hire = () => admin.send('POST', USERS, made, headers)
    const join = () => auth(app, 'register', joined, { headers })
    const [hiring, joining] = [await hire(), await join()]
    expect([hiring.status, joining.status]).to.deep.equal([201, 201])
    const [hired, id] = [hiring.json.id, joining.json.id]
    const code = /\b\d{3}\s?\d{3}\b/.exec((await app.nextMail(joined.email)).text)?.[0] ?? ''
    expect((await auth(app, 'verify-email', { id, code })).status).to.equal(200)
    expect((await join()).headers.get('idempotency-replayed')).to.equal('true')
    // The evaluation's mailbox keeps mails, and how many went to an address is counted for an hour.
    const left = async () =>
      (await app.sql.dump()).filter(
        (row) =>
          (row.includes(made.email) || row.includes(joined.email)) &&
          !/^(mailbox_messages|ephemeral) /.test(row),
      )
    expect(await left()).to.have.length.above(1)
    for (const one of [hired, id])
      expect((await admin.send('DELETE', `${USERS}/${one}?erase_now=true`)).status).to.equal(204)
    expect(await left()).to.deep.equal([])
    const kept = await app.sql.query<{ answer: unknown }>('select answer from idempotency_keys')
    expect(kept.map(({ answer }) => answer)).to.deep.equal([null, null])
    for (const again of [hire, join]) {
      const { status, json } = await again()
      expect([status, json.code]).to.deep.equal([422, 'key_reused'])
    }
    expect(await left()).to.deep.equal([])
  })

  it('erased at once where that is asked for; in a cool-off too; and left out of exports before', async () => {
    const person = await newCaller(app, 'at-once')
    const path = `${USERS}/${person.userId}`
    await admin.send('DELETE', path)
    expect((await admin.get(`${USERS}/export`)).text).to.not.include(person.email)
    expect((await admin.send('DELETE', `${path}?erase_now=true`)).status).to.equal(204)
    expect((await admin.get(path)).status).to.equal(404)
    expect((await records('user.deleted', person.userId))[0]?.detail).to.deep.equal({ by: admin.userId })
  })

  it('an import does not bring a deleted account back', async () => {
    const person = await newCaller(app, 'imported-back')
    await admin.send('DELETE', `${USERS}/${person.userId}`)
    const { userTransfer } = await import('../../src/app-transfer.ts')
    const { keyringOf } = await import('../support/people.ts')
    const { userImport } = userTransfer({ storage: app.app.storage, keyring: await keyringOf(app) })
    const lines = async function* () {
      yield JSON.stringify({ email: person.email, disabled: false })
    }
    const run = { dryRun: false, onConflict: 'update' as const }
    const { refused, faults } = await userImport.run(lines(), run, { by: 'cli' })
    expect([refused, faults[0]?.what]).to.deep.equal([1, 'the account is deleted and waits to be erased'])
  })

  it('an invitation is sent again: the link before is dead, the new one works once', async () => {
    const { json } = await admin.send('POST', USERS, { email: 'newcomer@example.org', invite: true })
    const first = linkIn(await app.nextMail('newcomer@example.org'))
    expect((await admin.send('POST', `${USERS}/${json.id}/invite`)).status).to.equal(202)
    const second = linkIn(await app.nextMail('newcomer@example.org', 1))
    expect(await choose(first, 'a bell in the fog tonight')).to.equal('dead')
    // Two browsers open it, and both send their form at once.
    const browsers = await Promise.all(
      [new UserAgent(), new UserAgent()].map(async (agent) => ({ agent, page: await agent.get(second) })),
    )
    await Promise.all(
      browsers.map(({ agent, page }, index) =>
        agent.submit(page, { password: `a bell in the fog ${index} times` }),
      ),
    )
    const works = [
      await signsIn('newcomer@example.org', 'a bell in the fog 0 times'),
      await signsIn('newcomer@example.org', 'a bell in the fog 1 times'),
    ]
    expect(works.filter(Boolean)).to.have.length(1)
    expect((await records('user.invited', json.id))[0]?.detail).to.deep.equal({ by: admin.userId })
  })

  it('an invitation keeps its end when somebody asks for a password that was forgotten', async () => {
    const email = 'patient@example.org'
    const { json } = await admin.send('POST', USERS, { email, invite: true })
    await app.nextMail(email)
    const ends = async () => {
      const [row] = await app.sql.query<{ ends: string }>(
        `select cast(extract(epoch from expires_at) as text) as ends from email_proofs
          where user_id = $1 and consumed_at is null`,
        [json.id],
      )
      return Number(row?.ends)
    }
    const before = await ends()
    expect(before - Date.now() / 1000).to.be.closeTo(24 * 3600, 60)
    for (const index of [1, 2]) {
      expect((await auth(app, 'forgot-password', { email })).status).to.equal(202)
      const mail = await app.nextMail(email, index)
      expect(mail.text).to.match(/works once, for (24 hours|1,?4\d\d minutes)/)
      expect(await ends()).to.equal(before)
      if (index === 2) await choose(linkIn(mail), 'a lamp in the far window')
    }
    expect(await signsIn(email, 'a lamp in the far window')).to.equal(true)
    // Of one that was used nothing is left.
    await auth(app, 'forgot-password', { email })
    expect((await ends()) - Date.now() / 1000).to.be.closeTo(1800, 60)
  })

  it('who has a password or is locked is not invited; a password and an invitation exclude each other', async () => {
    const { json } = await admin.send('POST', USERS, { email: 'has-one@example.org', password: PASSWORD })
    const again = await admin.send('POST', `${USERS}/${json.id}/invite`)
    expect([again.status, again.json.code]).to.deep.equal([409, 'not_invitable'])
    const both = { email: 'both@example.org', password: PASSWORD, invite: true }
    expect((await admin.send('POST', USERS, both)).json.errors[0].pointer).to.equal('/invite')
    const quiet = await admin.send('POST', USERS, { email: 'quiet@example.org', invite: false })
    expect(quiet.status).to.equal(201)
    await admin.send('POST', `${USERS}/${quiet.json.id}/disable`)
    expect((await admin.send('POST', `${USERS}/${quiet.json.id}/invite`)).status).to.equal(409)
    expect((await app.mails()).filter(({ to }) => to === 'quiet@example.org')).to.deep.equal([])
  })

  it('a forced reset: the password opens nothing, all is signed out, the link sets another and not the same', async () => {
    const person = await newCaller(app, 'forced')
    const path = `${USERS}/${person.userId}`
    expect((await admin.send('POST', `${path}/force-reset`)).status).to.equal(202)
    // before it is replaced: what no longer works is not sent
    await app.nextMail(person.email)
    expect((await person.get(ME)).status).to.equal(401)
    expect(await signsIn(person.email, PASSWORD)).to.equal(false)
    expect((await admin.send('POST', `${path}/force-reset`)).status, 'twice is no harm').to.equal(202)
    const mail = await app.nextMail(person.email, 1)
    expect(mail.subject).to.include('new password')
    expect(await choose(linkIn(mail), PASSWORD)).to.match(/another|same|already/i)
    expect(await signsIn(person.email, PASSWORD)).to.equal(false)
    await choose(linkIn(mail), 'gulls above the harbour wall')
    expect(await signsIn(person.email, 'gulls above the harbour wall')).to.equal(true)
    expect(await records('user.reset_forced', person.userId)).to.have.length(2)
    const { json } = await admin.send('POST', USERS, { email: 'without@example.org', invite: false })
    const none = await admin.send('POST', `${USERS}/${json.id}/force-reset`)
    expect([none.status, none.json.code]).to.deep.equal([409, 'no_password'])
  })
})
