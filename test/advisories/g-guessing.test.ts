/**
 * Advisory group G (brute force and lockout): passwords and codes are counted together whatever way they are tried on and
 * however the name is spelled, from whatever address; and the counters keep no owner out.
 * An account has two names at most, each with a counter of its own, because one for both would tell which username belongs to
 * which address (`test/attacks/enumeration.test.ts`); together they stay within the 100 of NIST SP 800-63B-4 3.2.2.
 * CVE-2025-64102, CVE-2024-32868, CVE-2025-24806, CVE-2026-47203, CVE-2026-9798, CVE-2026-16103, CVE-2026-19607,
 * GHSA-cq42-vhv7-xr7p
 */
import { expect } from 'chai'
import { DEFAULT_LIMITS } from '../../src/domain/protection/throttle.ts'
import { auth, login } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { onEveryStack } from '../support/protocol.ts'
import { begin, discover, PASSWORD } from '../support/relying-party.ts'
import {
  agentFrom,
  approvalOf,
  changeOf,
  from,
  type Try,
  WAYS_CLIENTS,
  WAYS_SETTINGS,
  waysIn,
} from '../support/ways-in.ts'

const WRONG = 'wrong wrong wrong wrong'
const TRIES = 6
const many = 1_000_000

const options = {
  people: [],
  settings: WAYS_SETTINGS,
  overrides: {
    clients: WAYS_CLIENTS,
    limits: {
      ...{ signInStranger: TRIES, signInNetwork: many, apiNetwork: many, mailNetwork: many },
      ...{ formNetwork: many, userCodeNetwork: many, mailAddress: 100 },
    },
  },
}

onEveryStack('advisories G: guessing', options, (app) => {
  let people = 0
  let addresses = 0
  /** never the same one twice */
  const nextIp = () => {
    addresses += 1
    return `198.51.${100 + Math.floor(addresses / 250)}.${1 + (addresses % 250)}`
  }
  async function person(username?: string) {
    people += 1
    const email = `guessed-${people}@example.org`
    const { id } = await createPerson(app, { email, ...(username === undefined ? {} : { username }) })
    return { id, email }
  }
  /** Of one person: also those that know by themselves whom they are about. */
  async function waysOf(email: string): Promise<Record<string, Try>> {
    const { access_token: bearer } = await login(app, email, PASSWORD, { headers: from(nextIp()) })
    return {
      ...waysIn(app),
      'on the page of an approval': await approvalOf(app, email),
      'for another password': changeOf(app, bearer),
    }
  }
  const failures = async (userId: string) =>
    (
      await app.sql.query(`select id from audit_events where name = 'user.sign_in_failed' and user_id = $1`, [
        userId,
      ])
    ).length
  /** One address, as people and attackers write it. */
  const spellings = (name: string) => [
    name,
    name.toUpperCase(),
    ` ${name} `,
    `\t${name[0]?.toUpperCase()}${name.slice(1)}`,
    // Full-width letters are the same letters (NFKC).
    `\uff27${name.slice(1)}`,
    `${name.slice(0, -1)}${name.slice(-1).toUpperCase()}\u00a0`,
  ]

  it('on one way counts on all of them, however the name is spelled', async () => {
    const names = Object.keys(await waysOf((await person()).email))
    expect(names).to.have.length(6)
    for (const how of names) {
      const { email, id } = await person()
      const ways = await waysOf(email)
      const guess = ways[how] as Try
      for (const [index, name] of spellings(email).entries())
        expect((await guess(name, WRONG, nextIp())).outcome, `${how}, try ${index}`).to.equal('wrong')
      expect(await failures(id), how).to.equal(TRIES)
      // The right password is not even looked at.
      for (const [other, way] of Object.entries(ways))
        for (const name of [email, email.toUpperCase()])
          expect((await way(name, PASSWORD, nextIp())).outcome, `${how}, then ${other}`).to.equal('throttled')
      expect(await failures(id), how).to.equal(TRIES)
    }
  }).timeout(180_000)

  it('on all ways at the same moment is looked at as often as on one', async () => {
    const { email, id } = await person()
    const ways = Object.values(await waysOf(email))
    const tries = Array.from({ length: 5 }, (_, round) =>
      ways.map((way) => way(spellings(email)[round] as string, WRONG, nextIp())),
    ).flat()
    const outcomes = (await Promise.all(tries)).map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'in')).to.deep.equal([])
    // Those that came in the same moment and were turned away give back what they took: there may be one or two fewer.
    expect(outcomes.filter((outcome) => outcome === 'wrong').length).to.be.within(1, TRIES)
    expect(await failures(id)).to.be.at.most(TRIES)
  }).timeout(120_000)

  it('by username counts on all ways too, and both names together stay bounded', async () => {
    const { email, id } = await person('guessed.name')
    const ways = waysIn(app)
    const [first, ...others] = Object.values(ways) as [Try, ...Try[]]
    for (const name of [
      'guessed.name',
      'GUESSED.NAME',
      ' Guessed.Name',
      'guessed.name ',
      'gUESSED.name',
      '\uff47uessed.name',
    ])
      expect((await first(name, WRONG, nextIp())).outcome, name).to.equal('wrong')
    for (const way of others)
      expect((await way('Guessed.name', PASSWORD, nextIp())).outcome).to.equal('throttled')
    for (const name of spellings(email)) await first(name, WRONG, nextIp())
    for (const way of Object.values(ways))
      expect((await way(email, PASSWORD, nextIp())).outcome).to.equal('throttled')
    expect(await failures(id)).to.equal(2 * TRIES)
    expect(2 * DEFAULT_LIMITS.signInMonth, 'in 30 days').to.be.at.most(100)
  })

  it('gains nothing from a right password in between', async () => {
    const { email, id } = await person()
    const guess = waysIn(app)['by the API']
    for (let tries = 0; tries < TRIES; tries += 1) {
      expect((await guess(email, WRONG, nextIp())).outcome).to.equal('wrong')
      if (tries < TRIES - 1) expect((await guess(email, PASSWORD, nextIp())).outcome).to.equal('in')
    }
    expect((await guess(email, WRONG, nextIp())).outcome).to.equal('throttled')
    expect(await failures(id)).to.equal(TRIES)
  })

  it('of the code of a mail is counted by the mail, on both ways, and apart from passwords', async () => {
    people += 1
    const email = `coded-${people}@example.org`
    const headers = () => ({ headers: from(nextIp()) })
    const { json } = await auth(app, 'register', { email, password: PASSWORD }, headers())
    const code = /\b\d{3}\s?\d{3}\b/.exec((await app.nextMail(email)).text)?.[0]?.replace(/\s/, '') ?? ''
    const wrong = code.startsWith('0') ? '111111' : '000000'
    const begun = await auth(app, 'login', { email, password: PASSWORD }, headers())
    let session = begun.json.auth_session
    for (let tries = 0; tries < 2; tries += 1) {
      const answer = await auth(
        app,
        'login/continue',
        { auth_session: session, verification_code: wrong },
        headers(),
      )
      expect(answer.json.code).to.equal('proof_invalid')
      session = answer.json.auth_session
    }
    for (let tries = 0; tries < 3; tries += 1)
      expect((await auth(app, 'verify-email', { id: json.id, code: wrong }, headers())).json.code).to.equal(
        'proof_invalid',
      )
    expect((await auth(app, 'verify-email', { id: json.id, code }, headers())).json.code).to.equal(
      'proof_expired',
    )
    const late = await auth(
      app,
      'login/continue',
      { auth_session: session, verification_code: code },
      headers(),
    )
    expect([late.status, late.json.code]).to.deep.equal([400, 'proof_invalid'])
    // Codes used up no password: the person goes on with another mail.
    expect((await auth(app, 'login', { email, password: PASSWORD }, headers())).json.code).to.equal(
      'verification_required',
    )
    await auth(app, 'resend-verification', { email }, headers())
    const next = /\b\d{3}\s?\d{3}\b/.exec((await app.nextMail(email, 1)).text)?.[0]
    expect((await auth(app, 'verify-email', { id: json.id, code: next }, headers())).status).to.equal(200)
  })

  it('keeps no owner out: neither a browser that was here before, nor who reads the mail', async () => {
    const { email } = await person()
    const home = agentFrom(nextIp())
    const start = async () => (await begin(await discover(app.issuer))).url.href
    await home.submit(await home.get(await start()), { identifier: email, password: PASSWORD }, '/sign-in')
    const ways = Object.values(waysIn(app))
    for (let tries = 0; tries < TRIES * 2; tries += 1)
      await (ways[tries % ways.length] as Try)(email, WRONG, nextIp())
    expect((await waysIn(app)['by the API'](email, PASSWORD, nextIp())).outcome).to.equal('throttled')
    home.dropCookie('ostiary_session')
    const page = await home.submit(
      await home.get(await start()),
      { identifier: email, password: PASSWORD },
      '/sign-in',
    )
    expect(page.status, page.text.slice(0, 300)).to.not.be.oneOf([401, 429])
    const asked = await auth(app, 'forgot-password', { email }, { headers: from(nextIp()) })
    expect(asked.status).to.equal(202)
    const token = /\/reset-password\/(\S+)/.exec((await app.nextMail(email)).text)?.[1]
    const password = 'a newer calm keeper of the door'
    const done = await auth(app, 'reset-password', { token, password }, { headers: from(nextIp()) })
    expect(done.status, done.text).to.equal(204)
    // On a new browser, too, the page of the mail makes the reader no stranger: `test/attacks/lockout.test.ts`.
  })
})
