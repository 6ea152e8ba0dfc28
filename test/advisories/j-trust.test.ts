/**
 * Advisory group J (whose address it is): an address counts as proven by its own mail or by who may vouch for it, never by
 * a request of its holder; look-alikes and other spellings open nobody's account; links are not to be guessed.
 * CVE-2026-15571, CVE-2026-27946, CVE-2026-54693, CVE-2026-15611, GHSA-7rqj-j65f-68wh, GHSA-g38m-r43w-p2q7
 */
import { createHash } from 'node:crypto'
import { expect } from 'chai'
import { emailKey, emailProblem, usernameProblem } from '../../src/domain/users/identifiers.ts'
import { type Caller, CONSOLE, newCaller } from '../support/api.ts'
import { onEveryStack, send } from '../support/protocol.ts'
import { begin, discover, PASSWORD, walk, webClient } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const USERS = '/api/v1/admin/users'
const VICTIM = 'victim@example.org'
const LINK = /http\S+\/reset-password\/(\S+)/
const many = 1_000_000
const options = {
  people: [{ email: VICTIM }],
  overrides: {
    clients: [webClient(CONSOLE)],
    limits: {
      ...{ apiPerson: many, formNetwork: many, mailAddress: many, mailNetwork: many },
      ...{ signInStranger: many, signInMonth: many, signInNetwork: many },
    },
  },
}
const ADDRESS_LINES = (body: object[]) => body.map((line) => JSON.stringify(line)).join('\n')

describe('advisories J: addresses as they are compared', () => {
  it('no accepted address of other letters is compared as one of ASCII, and comparing is final', function () {
    this.timeout(60_000)
    const wrong: string[] = []
    for (let point = 0x80; point <= 0x10ffff; point += 1) {
      const letter = String.fromCodePoint(point)
      if (!letter.isWellFormed()) continue
      for (const address of [`vict${letter}m@example.org`, `victim@ex${letter}mple.org`]) {
        if (emailProblem(address) !== undefined) continue
        const key = emailKey(address)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is meant
        if (/^[\x00-\x7f]*$/.test(key) || emailKey(key) !== key) wrong.push(`U+${point.toString(16)}`)
      }
      if (usernameProblem(`vict${letter}m`) === undefined) wrong.push(`U+${point.toString(16)} in a username`)
    }
    expect(wrong).to.deep.equal([])
  })
})

onEveryStack('advisories J: whose address it is', options, (app) => {
  let owner: Caller
  let support: Caller
  before(async function () {
    this.timeout(120_000)
    owner = await newCaller(app, 'owner', ['owner'])
    support = await newCaller(app, 'support', ['support'])
  })

  const signIn = async (email: string, password: string) => {
    const started = await begin(await discover(app.issuer))
    return walk(new UserAgent(), started.url, { email, password })
  }
  const tokenIn = ({ text }: { text: string }) => LINK.exec(text)?.[1] ?? ''
  const opens = async (token: string) => {
    const page = await new UserAgent().get(`${app.issuer}/reset-password/${token}`)
    return page.forms.some(({ action }) => action.includes('reset-password'))
  }
  const askForReset = async (email: string) => {
    const agent = new UserAgent()
    await agent.submit(await agent.get(`${app.issuer}/forgot-password`), { email })
  }

  it('nobody proves an address by saying so: not of their own, not by a change, not without the right', async () => {
    const person = await newCaller(app, 'self-prover')
    const mine = [
      { email_verified: true },
      { email: VICTIM },
      { email: 'new@example.org', email_verified: true },
    ]
    for (const body of mine) {
      const { status } = await person.send('PATCH', '/api/v1/users/me', body, { 'if-match': '*' })
      expect(status, JSON.stringify(body)).to.equal(422)
    }
    const profile = { profile: { email_verified: true } }
    expect((await person.send('PATCH', '/api/v1/users/me', profile, { 'if-match': '*' })).status).to.equal(
      422,
    )
    const path = `${USERS}/${person.userId}`
    const raised = await owner.send('PATCH', path, { email_verified: true }, { 'if-match': '*' })
    expect(raised.status).to.equal(422)
    const vouched = { email: 'vouched@example.org', email_verified: true }
    for (const caller of [person, support]) {
      expect((await caller.send('POST', USERS, vouched)).status).to.equal(403)
      const lines = { bearer: caller.token, headers: { 'content-type': 'application/x-ndjson' } }
      const { status } = await send('POST', `${app.issuer}${USERS}/import`, ADDRESS_LINES([vouched]), lines)
      expect(status).to.equal(403)
    }
    const moved = await owner.send('PATCH', path, { email: 'moved@example.org' }, { 'if-match': '*' })
    expect(moved.json.email_verified).to.equal(false)
  })

  it('an address that nobody vouched for is asked for its code before anybody is signed in with it', async () => {
    await owner.send('POST', USERS, { email: 'unproven@example.org', password: PASSWORD })
    const page = await signIn('unproven@example.org', PASSWORD)
    expect(page.url).to.not.include('code=')
    expect(page.forms.some(({ action }) => action.includes('verify-email'))).to.equal(true)
  })

  it('other spellings of an address are it or are refused, look-alikes are somebody else', async () => {
    for (const email of ['VICTIM@example.org', 'Victim@EXAMPLE.ORG', ' victim@example.org ']) {
      const { status, json } = await owner.send('POST', USERS, { email })
      expect([status, json.code], email).to.deep.equal([409, 'email_taken'])
    }
    // Full width, ligature, long s, Kelvin, an invisible joiner, a line break, a second address.
    const strange = [
      '\uff56ictim',
      'vi\ufb01m',
      'victi\u017f',
      'vic\u212am',
      'vic\u200dtim',
      'victim\r\nBcc: x',
      'a@b',
    ]
    for (const local of strange) {
      const { status, json } = await owner.send('POST', USERS, { email: `${local}@example.org` })
      expect([status, json.code], local).to.deep.equal([422, 'invalid_input'])
    }
    const cyrillic = 'v\u0456ctim@example.org'
    const other = await owner.send('POST', USERS, { email: cyrillic, password: 'a keeper of another light' })
    expect(other.status).to.equal(201)
    const page = await signIn(VICTIM, 'a keeper of another light')
    expect(page.url.includes('code=')).to.equal(false)
  })

  it('what is asked for under another spelling is mailed to the address as it was proven, and nowhere else', async () => {
    const before = (await app.mails()).length
    await askForReset('VICTIM@Example.ORG')
    expect(tokenIn(await app.nextMail(VICTIM))).to.not.equal('')
    const sent = (await app.mails()).slice(before).map(({ to }) => to)
    expect(sent).to.deep.equal([VICTIM])
    await askForReset('v\u0456ctim2@example.org')
    expect((await app.mails()).filter(({ to }) => to.includes('ctim2'))).to.deep.equal([])
  })

  it('links cannot be made from what is known, nor taken from one use or person to another', async () => {
    const invite = async (email: string) => {
      await owner.send('POST', USERS, { email, invite: true })
      return tokenIn(await app.nextMail(email))
    }
    const [mine, theirs] = [await invite('mine@example.org'), await invite('theirs@example.org')]
    expect([await opens(mine), await opens(theirs)]).to.deep.equal([true, true])
    const [id = '', mac = ''] = mine.split('.')
    const [otherId = '', otherMac = ''] = theirs.split('.')
    expect(Buffer.from(mac, 'base64url').length, 'bytes of a keyed hash').to.be.at.least(32)
    const guesses = [
      ...[
        otherId,
        `${otherId}.`,
        `${otherId}.${mac}`,
        `${id}.${otherMac}`,
        `${otherId}.${otherMac.slice(0, -2)}`,
      ],
      ...['sha256', 'md5', 'sha1'].map(
        (name) => `${otherId}.${createHash(name).update(otherId).digest('base64url')}`,
      ),
    ]
    for (const guess of guesses) expect(await opens(guess), guess).to.equal(false)
    const verify = await new UserAgent().get(`${app.issuer}/verify-email/${theirs}`)
    expect(verify.forms.filter(({ action }) => action.includes('verify-email'))).to.deep.equal([])
  })

  it('of many who are given one address at the same moment one has it, and the others are told: never a fault', async () => {
    const people = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        owner.send('POST', USERS, { email: `racer${n}@example.org`, invite: false }),
      ),
    )
    const answers = await Promise.all(
      people.map(({ json }) =>
        owner.send('PATCH', `${USERS}/${json.id}`, { email: 'Wanted@example.org' }, { 'if-match': '*' }),
      ),
    )
    const told = answers.map(({ status, json }) => (status === 200 ? 'changed' : json.code)).sort()
    expect(told).to.deep.equal(['changed', ...Array(7).fill('email_taken')])
  })
})
