/** Attacks on the sign-in without a browser: what is another's, what was used, what was not proven, what was guessed. */
import { expect } from 'chai'
import { FirstPartyApp, newKeys, proofBy } from '../support/first-party-app.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, newAgent, onEveryStack, post } from '../support/protocol.ts'
import { begin, CALLBACK, discover, PASSWORD, publicClient, webClient } from '../support/relying-party.ts'

const marked = { first_party: true, first_party_challenge: true }
const native = { application_type: 'native', redirect_uris: [CALLBACK], ...marked }
const clients = [
  webClient(),
  publicClient({ client_id: 'phone', ...native }),
  publicClient({ client_id: 'tablet', ...native }),
  publicClient({ client_id: 'locked', ...native, dpop_bound_access_tokens: true }),
]
const LIMITS = { signInStranger: 6, signInNetwork: 1000, mailNetwork: 1000, mailAddress: 1000 }
const WRONG = 'wrong wrong wrong wrong'
const errorOf = ({ status, json }: Answer) => [status, json?.error]

onEveryStack(
  'attacks on the sign-in without a browser',
  { overrides: { clients, limits: LIMITS }, settings: { HASHING_SLOTS: '1' } },
  (app) => {
    let people = 0
    async function person(verified = true) {
      people += 1
      const email = `person-${people}@example.org`
      return { email, user: await createPerson(app, { email, verified }) }
    }
    const rp = (id = 'phone') => new FirstPartyApp(app.issuer, id)
    async function codeFor(email: string): Promise<string> {
      const { text } = await app.nextMail(email)
      return /^\s*(\d{3}) (\d{3})\s*$/m.exec(text)?.slice(1).join('') ?? 'no code'
    }
    /** half way: the password is right, the address is not proven */
    async function halfWay() {
      const phone = rp()
      const { email, user } = await person(false)
      const { json } = await phone.signIn(email, PASSWORD)
      return { phone, email, user, value: String(json.auth_session), code: await codeFor(email) }
    }

    it('by another app with what was given to the first: it goes on for the first alone', async () => {
      const { phone, value, code } = await halfWay()
      const stolen = await rp('tablet').challenge({ auth_session: value, verification_code: code })
      expect(errorOf(stolen)).to.deep.equal([400, 'invalid_session'])
      const own = await phone.challenge({ auth_session: value, verification_code: code })
      expect(own.status, own.text).to.equal(200)
    })

    it('by another app with the pushed request of the first', async () => {
      const { email } = await person()
      const request_uri = await rp().push()
      const answer = await rp('tablet').challenge({ request_uri, username: email, password: PASSWORD })
      expect(errorOf(answer)).to.deep.equal([400, 'invalid_request_uri'])
    })

    it('by repetition: a pushed request gives one code, a session value one step', async () => {
      const { email } = await person()
      const phone = rp()
      const fields = { request_uri: await phone.push(), username: email, password: PASSWORD }
      expect((await phone.challenge(fields)).status).to.equal(200)
      expect(errorOf(await phone.challenge(fields))).to.deep.equal([400, 'invalid_request_uri'])
      const half = await halfWay()
      const step = { auth_session: half.value, verification_code: half.code }
      expect((await half.phone.challenge(step)).status).to.equal(200)
      expect(errorOf(await half.phone.challenge(step))).to.deep.equal([400, 'invalid_session'])
    })

    it('with a value from before a step, which every step replaces', async () => {
      const { phone, value, code } = await halfWay()
      const next = await phone.challenge({ auth_session: value })
      expect(next.json.auth_session).to.be.a('string').and.not.equal(value)
      const old = await phone.challenge({ auth_session: value, verification_code: code })
      expect(errorOf(old)).to.deep.equal([400, 'invalid_session'])
      const own = await phone.challenge({ auth_session: next.json.auth_session, verification_code: code })
      expect(own.status).to.equal(200)
    })

    it('with a value made up of the parts of another', async () => {
      const { phone, value, code } = await halfWay()
      const [request = '', nonce = ''] = value.split('.')
      const other = (await halfWay()).value.split('.')[0]
      for (const made of [`${other}.${nonce}`, `${request}.${'A'.repeat(43)}`, request, '.', `${value}x`])
        expect(errorOf(await phone.challenge({ auth_session: made, verification_code: code }))).to.deep.equal(
          [400, 'invalid_session'],
        )
    })

    it('by leaving a step out, or naming somebody else in the middle', async () => {
      const { phone, value } = await halfWay()
      const { email } = await person()
      const skipped = await phone.challenge({ auth_session: value })
      expect(errorOf(skipped)).to.deep.equal([403, 'insufficient_authorization'])
      const auth_session = String(skipped.json.auth_session)
      const swapped = await phone.challenge({ auth_session, username: email, password: PASSWORD })
      expect(errorOf(swapped)).to.deep.equal([403, 'insufficient_authorization'])
    })

    it('by guessing the code: five tries, then the right one works no more', async () => {
      const { phone, value, code } = await halfWay()
      let auth_session = value
      for (let tries = 0; tries < 5; tries += 1) {
        const verification_code = String((Number(code) + 1 + tries) % 1_000_000).padStart(6, '0')
        const answer = await phone.challenge({ auth_session, verification_code })
        expect(errorOf(answer)).to.deep.equal([400, 'invalid_grant'])
        auth_session = answer.json.auth_session
      }
      const late = await phone.challenge({ auth_session, verification_code: code })
      expect(errorOf(late)).to.deep.equal([400, 'invalid_grant'])
    })

    it('by twenty at once with one pushed request: one code, one session, one record', async () => {
      const { email, user } = await person()
      const phone = rp()
      const fields = { request_uri: await phone.push(), username: email, password: PASSWORD }
      const answers = await Promise.all(Array.from({ length: 20 }, () => phone.challenge(fields)))
      const won = answers.filter(({ status }) => status === 200)
      expect(won.length, answers.map(errorOf).join(' ')).to.equal(1)
      const others = answers.filter(({ status }) => status !== 200).map(({ json }) => json.error)
      expect(others).to.satisfy((all: string[]) =>
        all.every((error) => error === 'invalid_request_uri' || error === 'temporarily_unavailable'),
      )
      expect(others).to.include('invalid_request_uri')
      expect(await app.app.storage.artifacts.findSessionsByAccount(user.id)).to.have.length(1)
      const rows = await app.sql.query(
        `select 1 from audit_events where name = 'user.signed_in' and user_id = '${user.id}'`,
      )
      expect(rows).to.have.length(1)
    })

    it('by twenty at once with one last step: one code', async () => {
      const { phone, user, value, code } = await halfWay()
      const step = { auth_session: value, verification_code: code }
      const answers = await Promise.all(Array.from({ length: 20 }, () => phone.challenge(step)))
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1)
      for (const answer of answers.filter(({ status }) => status !== 200))
        expect(errorOf(answer)).to.deep.equal([400, 'invalid_session'])
      expect(await app.app.storage.artifacts.findSessionsByAccount(user.id)).to.have.length(1)
    })

    it('by guessing passwords here and on the page: the tries are counted together', async () => {
      const { email } = await person()
      for (let tries = 0; tries < 6; tries += 1)
        expect(errorOf(await rp().signIn(email, WRONG))).to.deep.equal([400, 'invalid_grant'])
      const here = await rp().signIn(email, PASSWORD)
      expect(here.status).to.equal(429)
      expect(Number(here.headers.get('retry-after'))).to.be.greaterThan(0)
      expect(await onThePage(email, PASSWORD)).to.equal(429)
      const { email: other } = await person()
      for (let tries = 0; tries < 6; tries += 1) expect(await onThePage(other, WRONG)).to.equal(401)
      expect((await rp().signIn(other, PASSWORD)).status).to.equal(429)
    })

    async function onThePage(identifier: string, password: string): Promise<number> {
      const agent = newAgent()
      const page = await agent.get((await begin(await discover(app.issuer))).url.href)
      return (await agent.submit(page, { identifier, password }, '/sign-in')).status
    }

    it('by asking who has an account: unknown, disabled and wrong are one answer', async () => {
      const { email, user } = await person()
      const wrong = await rp().signIn(email, WRONG)
      const unknown = await rp().signIn('nobody@example.org', WRONG)
      await app.app.storage.database.users.setStatus(user.id, 'disabled')
      const disabled = await rp().signIn(email, PASSWORD)
      for (const answer of [unknown, disabled]) {
        expect(answer.status).to.equal(wrong.status)
        expect(answer.json).to.deep.equal(wrong.json)
      }
    })

    it('with a password that was changed, or an account disabled, half way', async () => {
      const changed = await halfWay()
      await app.app.storage.database.users.setPassword(changed.user.id, '$argon2id$another')
      const first = { auth_session: changed.value, verification_code: changed.code }
      expect(errorOf(await changed.phone.challenge(first))).to.deep.equal([400, 'invalid_session'])
      const disabled = await halfWay()
      await app.app.storage.database.users.setStatus(disabled.user.id, 'disabled')
      const second = { auth_session: disabled.value, verification_code: disabled.code }
      expect((await disabled.phone.challenge(second)).json).to.not.have.property('authorization_code')
    })

    it('with the key of another, with none, with a proof for elsewhere, or one that was seen', async () => {
      const { email } = await person()
      const locked = rp('locked')
      locked.keys = await newKeys()
      const request_uri = await locked.push()
      const url = `${app.issuer}/authorize-challenge`
      const fields = { client_id: 'locked', request_uri, username: email, password: PASSWORD }
      const ask = async (dpop: string | undefined) =>
        post(url, fields, { headers: dpop === undefined ? {} : { dpop } })
      const { keys } = locked
      const refused = [
        undefined,
        'no.proof.atall',
        await proofBy(await newKeys(), url),
        await proofBy(keys, `${app.issuer}/token`),
        await proofBy(keys, url, { htm: 'GET' }),
        await proofBy(keys, url, { iat: Math.floor(Date.now() / 1000) - 300 }),
      ]
      for (const dpop of refused)
        expect(errorOf(await ask(dpop)), dpop).to.deep.equal([400, 'invalid_dpop_proof'])
      const proof = await proofBy(keys, url)
      expect((await post(url, { ...fields, password: WRONG }, { headers: { dpop: proof } })).status).to.equal(
        400,
      )
      expect((await ask(proof)).json.error, 'seen before').to.be.oneOf([
        'invalid_dpop_proof',
        'invalid_grant',
      ])
      const fresh = await ask(await proofBy(keys, url))
      expect(fresh.status, fresh.text).to.equal(200)
      // The code is bound to the key, too.
      locked.keys = await newKeys()
      expect((await locked.exchange(fresh.json.authorization_code)).json.error).to.equal('invalid_grant')
    })

    it('with a key where the pushed request has none', async () => {
      const { email } = await person()
      const phone = rp()
      const request_uri = await phone.push()
      phone.keys = await newKeys()
      const answer = await phone.challenge({ request_uri, username: email, password: PASSWORD })
      expect(errorOf(answer)).to.deep.equal([400, 'invalid_dpop_proof'])
    })

    it('with forwarded headers made up: the address is the issuer’s, for proofs too', async () => {
      const { email } = await person()
      const locked = rp('locked')
      locked.keys = await newKeys()
      const request_uri = await locked.push()
      const fields = { client_id: 'locked', request_uri, username: email, password: PASSWORD }
      const poison = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        forwarded: 'host=evil.example;proto=https',
      }
      const url = `${app.issuer}/authorize-challenge`
      const ask = async (htu: string) =>
        post(url, fields, { headers: { ...poison, dpop: await proofBy(locked.keys as never, htu) } })
      expect(errorOf(await ask('https://evil.example/authorize-challenge'))).to.deep.equal([
        400,
        'invalid_dpop_proof',
      ])
      const answer = await ask(url)
      expect(answer.status, answer.text).to.equal(200)
    })

    it('from a page in a browser: of another origin it is refused, of any it cannot read the answer', async () => {
      const { email } = await person()
      const phone = rp()
      const fields = { client_id: 'phone', username: email, password: PASSWORD }
      const ask = async (headers: Record<string, string>) =>
        post(`${app.issuer}/authorize-challenge`, { ...fields, request_uri: await phone.push() }, { headers })
      const foreign = await ask({ origin: 'https://evil.example' })
      expect(errorOf(foreign)).to.deep.equal([400, 'invalid_request'])
      const own = await ask({ origin: new URL(CALLBACK).origin })
      for (const answer of [foreign, own, await ask({})])
        expect(answer.headers.get('access-control-allow-origin')).to.equal(null)
    })

    it('by a storm of passwords: who waits is told so, and can ask again with the same request', async () => {
      const { email } = await person()
      const phone = rp()
      const fields = { request_uri: await phone.push(), username: email, password: PASSWORD }
      const storm = Array.from({ length: 60 }, async (_, number) =>
        rp().signIn(`nobody-${number}@example.org`, WRONG),
      )
      const answers = await Promise.all(storm)
      const busy = answers.filter(({ status }) => status === 503)
      expect(busy.length, 'of 60 some must wait').to.be.greaterThan(0)
      for (const answer of busy) expect(Number(answer.headers.get('retry-after'))).to.be.greaterThan(0)
      expect((await phone.challenge(fields)).status).to.equal(200)
    })

    it('with the database in hand: no value, no code and no password is in it, nor in the log', async () => {
      const { phone, email, value, code } = await halfWay()
      await phone.challenge({ request_uri: await phone.push(), username: email, password: `${PASSWORD} not` })
      await phone.challenge({
        auth_session: 'made.up',
        verification_code: '987654',
        username: 'canary-name-1',
      })
      const everything = [
        ...(await app.sql.dump()).filter((row) => !row.startsWith('mailbox_messages')),
        ...app.logs.map((line) => JSON.stringify(line)),
      ].join('\n')
      for (const secret of [
        value,
        value.split('.')[1],
        value.split('.')[0],
        `${PASSWORD} not`,
        '987654',
        'canary-name-1',
      ])
        expect(everything.includes(String(secret)), secret).to.equal(false)
      expect(code).to.match(/^\d{6}$/)
    })
  },
)
