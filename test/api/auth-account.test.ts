/** An account by the API: registered, proven, forgotten, changed; and nothing told to strangers on the way. */
import { expect } from 'chai'
import { audited, callerOf } from '../support/api.ts'
import { auth, login } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { onEveryStack, type ProtocolApp, sendJson } from '../support/protocol.ts'
import { PASSWORD } from '../support/relying-party.ts'

const ME = '/api/v1/users/me'
const NEW = 'a newer calm keeper of the door'
const TAKEN = { email: 'taken@example.org', username: 'taken.name' }

const codeIn = (text: string) => /\b\d{3}\s?\d{3}\b/.exec(text)?.[0] ?? ''
const tokenIn = (text: string, page: string) => new RegExp(`/${page}/(\\S+)`).exec(text)?.[1] ?? ''

onEveryStack(
  'the API: an account',
  { people: [TAKEN], overrides: { limits: { apiNetwork: 10_000, mailNetwork: 1000, formNetwork: 1000 } } },
  (app) => {
    const register = (email: string, more: Record<string, unknown> = {}) =>
      auth(app, 'register', { email, password: PASSWORD, ...more })
    const change = (bearer: string, current: string, next: string) =>
      auth(app, 'change-password', { current_password: current, new_password: next }, { bearer })

    it('is registered, proven by its code, and signed in to', async () => {
      const made = await register('new@example.org', { username: 'new.person', name: 'New Person' })
      expect(made.status, made.text).to.equal(201)
      const { id, created_at: at, ...rest } = made.json
      expect(id).to.match(/^usr_/)
      expect(Math.abs(Date.parse(at) - Date.now())).to.be.below(10_000)
      const about = { email: 'new@example.org', username: 'new.person' }
      expect(rest).to.deep.equal({ ...about, is_active: false, email_verified: false })
      const [begun] = (await audited(app, 'user.registration_begun')).slice(-1)
      expect(begun?.request_id).to.equal(made.headers.get('x-request-id'))
      expect((await auth(app, 'login', { email: about.email, password: PASSWORD })).json.code).to.equal(
        'verification_required',
      )

      const { text } = await app.nextMail(about.email)
      const proven = await auth(app, 'verify-email', { id, code: codeIn(text) })
      expect(proven.status, proven.text).to.equal(200)
      expect(proven.json).to.deep.include({ id, ...about, is_active: true, email_verified: true })
      const record = (await audited(app, 'user.registered')).at(-1)
      expect(record).to.deep.include({ user_id: id, request_id: proven.headers.get('x-request-id') })
      const tokens = await login(app, about.email)
      const me = (await callerOf(app, tokens.access_token).get(ME)).json
      expect(me).to.deep.include({ id, profile: { name: 'New Person' } })
    })

    it('is proven once, however many try at the same moment, by code or by link', async () => {
      const { id } = (await register('racer@example.org')).json
      const { text } = await app.nextMail('racer@example.org')
      const token = tokenIn(text, 'verify-email')
      const bodies = [
        { id, code: codeIn(text) },
        { token, password: PASSWORD },
      ]
      const answers = await Promise.all(
        Array.from({ length: 4 }, (_, index) =>
          auth(app, 'verify-email', bodies[index % 2] as object as never),
        ),
      )
      expect(answers.filter(({ status }) => status === 200)).to.have.length(1)
      for (const { status, json } of answers)
        if (status !== 200) expect(json.code).to.be.oneOf(['proof_expired', 'proof_invalid'])
      const again = await auth(app, 'verify-email', { token, password: PASSWORD })
      expect([again.status, again.json.code]).to.deep.equal([410, 'proof_expired'])
      const made = (await audited(app, 'user.registered')).filter(({ user_id: who }) => who === id)
      expect(made).to.have.length(1)
    })

    it('needs the password of the registration beside its link, and five wrong codes end a mail', async () => {
      const { id } = (await register('careful@example.org')).json
      const { text } = await app.nextMail('careful@example.org')
      const token = tokenIn(text, 'verify-email')
      const bare = await auth(app, 'verify-email', { token })
      expect([bare.status, bare.json.errors[0].pointer]).to.deep.equal([422, '/password'])
      const other = await auth(app, 'verify-email', { token, password: NEW })
      expect([other.status, other.json.code]).to.deep.equal([401, 'invalid_credentials'])
      const code = codeIn(text)
      const wrong = code.startsWith('0') ? '111111' : '000000'
      for (let tries = 0; tries < 5; tries += 1)
        expect((await auth(app, 'verify-email', { id, code: wrong })).json.code).to.equal('proof_invalid')
      const late = await auth(app, 'verify-email', { id, code })
      expect([late.status, late.json.code]).to.deep.equal([410, 'proof_expired'])
      for (const body of [
        { id: 'usr_nobody', code },
        { id, code: 'abc' },
        { token: `${token}x`, password: PASSWORD },
        { token: `prf_x.${token}`, password: PASSWORD },
      ])
        expect((await auth(app, 'verify-email', body)).status, JSON.stringify(body)).to.be.oneOf([400, 410])
      expect((await audited(app, 'user.registered')).some(({ user_id: who }) => who === id)).to.equal(false)
    })

    it('says every fault of a registration at once', async () => {
      const bad = { email: 'no address', password: 'short', username: '-', name: 'x'.repeat(200) }
      const { status, json } = await auth(app, 'register', bad)
      expect([status, json.code]).to.deep.equal([422, 'invalid_input'])
      const faults = json.errors.map(({ pointer, code }: Record<string, string>) => `${pointer} ${code}`)
      expect(faults).to.have.members([
        '/email invalid_email',
        '/username username_format',
        '/name name_too_long',
        '/password password_too_short',
      ])
      const unknown = await auth(app, 'register', {
        email: 'x@example.org',
        password: PASSWORD,
        role: 'owner',
      })
      expect([unknown.status, unknown.json.errors[0].code]).to.deep.equal([422, 'unknown_field'])
    })

    it('answers for a taken address as for a free one, and writes to its owner', async () => {
      const [free, taken] = [await register('free@example.org'), await register(TAKEN.email)]
      const shapeOf = ({ json }: { json: Record<string, unknown> }) =>
        Object.entries(json).map(([name, value]) => [
          name,
          typeof value,
          name === 'id' && String(value).length,
        ])
      expect([taken.status, shapeOf(taken)]).to.deep.equal([free.status, shapeOf(free)])
      const owner = await app.app.storage.database.users.findByEmail(TAKEN.email)
      expect(taken.json.id, 'nobody’s id').to.not.equal(owner?.id)
      const [mail, other] = [await app.nextMail(TAKEN.email), await app.nextMail('free@example.org')]
      expect(codeIn(other.text)).to.match(/\d/)
      expect(tokenIn(mail.text, 'verify-email')).to.equal('')
      const tried = await auth(app, 'verify-email', { id: taken.json.id, code: '123456' })
      const else_ = await auth(app, 'verify-email', {
        id: free.json.id,
        code: codeIn(other.text) === '123456' ? '1' : '123456',
      })
      expect([tried.status, tried.json.code]).to.deep.equal([else_.status, else_.json.code])
    })

    it('holds a username for one, and says so', async () => {
      const { status, json } = await register('second@example.org', { username: 'Taken.Name' })
      expect([status, json.code]).to.deep.equal([409, 'username_taken'])
      const racers = await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          register(`race-${index}@example.org`, { username: 'one.winner' }),
        ),
      )
      expect(racers.filter((answer) => answer.status === 201)).to.have.length(1)
    })

    it('is registered once under an Idempotency-Key, and the key is the network’s own', async () => {
      const body = { email: 'once@example.org', password: PASSWORD }
      const headers = { 'idempotency-key': 'the-same' }
      const first = await auth(app, 'register', body, { headers })
      const again = await auth(app, 'register', body, { headers })
      expect([again.status, again.json.id]).to.deep.equal([201, first.json.id])
      expect(again.headers.get('idempotency-replayed')).to.equal('true')
      const other = await auth(app, 'register', { ...body, password: NEW }, { headers })
      expect([other.status, other.json.code]).to.deep.equal([422, 'key_reused'])
    })

    it('gets another mail for what is to be proven, and the answer says nothing', async () => {
      await createPerson(app, { email: 'unproven@example.org', verified: false })
      const begun = (await register('waiting@example.org')).json
      await app.nextMail('waiting@example.org')
      for (const email of [
        'unproven@example.org',
        'waiting@example.org',
        TAKEN.email,
        'nobody@example.org',
      ]) {
        const { status, text } = await auth(app, 'resend-verification', { email })
        expect([status, text], email).to.deep.equal([202, ''])
      }
      const { text } = await app.nextMail('waiting@example.org', 1)
      expect((await auth(app, 'verify-email', { id: begun.id, code: codeIn(text) })).status).to.equal(200)
      const mail = await app.nextMail('unproven@example.org')
      const person = await app.app.storage.database.users.findByEmail('unproven@example.org')
      const proven = await auth(app, 'verify-email', { id: person?.id, code: codeIn(mail.text) })
      expect(proven.json).to.deep.include({ email: 'unproven@example.org', email_verified: true })
      expect((await audited(app, 'user.email_verified')).at(-1)?.user_id).to.equal(person?.id)
      expect((await app.mails()).some(({ to }) => to === 'nobody@example.org')).to.equal(false)
      expect((await auth(app, 'resend-verification', { email: 'x' })).json.errors[0].pointer).to.equal(
        '/email',
      )
    })

    it('gets another password by the mail, once, and everything that was open ends', async () => {
      await createPerson(app, { email: 'forgot@example.org' })
      const before = await login(app, 'forgot@example.org')
      for (const email of ['forgot@example.org', 'nobody-2@example.org']) {
        const { status, text } = await auth(app, 'forgot-password', { email })
        expect([status, text], email).to.deep.equal([202, ''])
      }
      const token = tokenIn((await app.nextMail('forgot@example.org')).text, 'reset-password')
      const weak = await auth(app, 'reset-password', { token, password: 'short' })
      expect([weak.status, weak.json.errors[0]?.pointer]).to.deep.equal([422, '/password'])
      const racers = await Promise.all(
        Array.from({ length: 4 }, (_, index) =>
          auth(app, 'reset-password', { token, password: `${NEW} ${index}` }),
        ),
      )
      expect(racers.filter(({ status }) => status === 204)).to.have.length(1)
      for (const { status, json } of racers)
        if (status !== 204) expect([status, json.code]).to.deep.equal([410, 'proof_expired'])
      expect((await callerOf(app, before.access_token).get(ME)).status).to.equal(401)
      const winner = racers.findIndex(({ status }) => status === 204)
      await login(app, 'forgot@example.org', `${NEW} ${winner}`)
      expect((await audited(app, 'user.password_changed')).at(-1)?.detail).to.deep.equal({ by: 'reset' })
      const bad = await auth(app, 'reset-password', { token: 'prf_x.y', password: NEW })
      expect([bad.status, bad.json.code]).to.deep.equal([400, 'proof_invalid'])
    })

    it('gets another password by the one it has, and everything that was open ends', async () => {
      const email = 'changer@example.org'
      const { id } = await createPerson(app, { email })
      const [here, there] = [await login(app, email), await login(app, email)]
      const wrong = await change(here.access_token, NEW, `${NEW} 2`)
      expect([wrong.status, wrong.json.code]).to.deep.equal([401, 'invalid_credentials'])
      const weak = await change(here.access_token, PASSWORD, 'short')
      expect([weak.status, weak.json.errors[0]?.pointer]).to.deep.equal([422, '/new_password'])
      const same = await change(here.access_token, PASSWORD, PASSWORD)
      expect(same.json.errors[0]).to.deep.include({ pointer: '/new_password', code: 'password_same' })
      expect((await callerOf(app, there.access_token).get(ME)).status, 'nothing ended yet').to.equal(200)

      const done = await change(here.access_token, PASSWORD, NEW)
      expect([done.status, done.text]).to.deep.equal([204, ''])
      for (const { access_token: token, refresh_token: refresh } of [here, there]) {
        expect((await callerOf(app, token).get(ME)).status).to.equal(401)
        expect((await auth(app, 'refresh', { refresh_token: refresh })).status).to.equal(401)
      }
      expect((await auth(app, 'login', { email, password: PASSWORD })).status).to.equal(401)
      await login(app, email, NEW)
      const record = (await audited(app, 'user.password_changed')).at(-1)
      expect(record).to.deep.include({ user_id: id, request_id: done.headers.get('x-request-id') })
      expect(record?.detail).to.deep.equal({ by: 'self' })
      expect((await app.nextMail(email)).subject).to.match(/password/i)
    })

    it('of two changes at once one wins', async () => {
      const email = 'changer-2@example.org'
      await createPerson(app, { email })
      const { access_token: token } = await login(app, email)
      const answers = await Promise.all([1, 2, 3].map((n) => change(token, PASSWORD, `${NEW} ${n}`)))
      const won = answers.flatMap(({ status }, index) => (status === 204 ? [index + 1] : []))
      expect(won, answers.map(({ text }) => text).join('\n')).to.have.length(1)
      for (const { status } of answers) expect(status).to.be.oneOf([204, 401])
      await login(app, email, `${NEW} ${won[0]}`)
    })

    it('is exported whole, to its owner, and not without end', async () => {
      const email = 'export@example.org'
      const { id } = await createPerson(app, { email, profile: { name: 'Ex Port' } })
      const { access_token: token } = await login(app, email)
      const take = () => callerOf(app, token).send('POST', `${ME}/export`)
      const { status, json, headers } = await take()
      expect(status, JSON.stringify(json)).to.equal(200)
      expect(json.account).to.deep.include({ id, email, profile: { name: 'Ex Port' } })
      expect(json.sessions).to.have.length(1)
      expect(json.consents).to.deep.equal([])
      expect(json.activity.map(({ name }: { name: string }) => name)).to.include.members([
        'user.signed_in',
        'user.exported',
      ])
      expect(new Set(json.activity.map(({ user_id: who }: Record<string, string>) => who))).to.deep.equal(
        new Set([id]),
      )
      const record = (await audited(app, 'user.exported')).at(-1)
      expect(record).to.deep.include({ user_id: id, request_id: headers.get('x-request-id') })
      const more = await Promise.all(Array.from({ length: 5 }, take))
      expect(more.filter((answer) => answer.status === 429)).to.have.length(1)
      expect((await audited(app, 'user.exported')).filter(({ user_id: who }) => who === id)).to.have.length(5)
    })
  },
)

onEveryStack(
  'the API: an account, where no stranger asks',
  { people: [TAKEN], settings: { AUTH_API_TAKEN: 'tell' } },
  (app) => {
    it('says that an address is taken', async () => {
      const at = (email: string) => auth(app, 'register', { email, password: PASSWORD })
      const { status, json } = await at('Taken@example.org')
      expect([status, json.code]).to.deep.equal([409, 'email_taken'])
      expect((await at('free@example.org')).status).to.equal(201)
      expect(await drafts(app), 'only for the free one').to.equal(1)
    })

    it('answers pages of no origin that was not named', async () => {
      const { headers } = await sendJson(
        'POST',
        `${app.issuer}/api/v1/auth/login`,
        {},
        {
          headers: { origin: 'https://evil.example' },
        },
      )
      expect(headers.get('access-control-allow-origin')).to.equal(null)
    })
  },
)

async function drafts(app: ProtocolApp): Promise<number> {
  const [row] = await app.sql.query<{ n: number }>('select count(*)::int as n from email_proofs')
  return Number(row?.n)
}
