/** Signing in by the API: tokens of the engine for a password, their renewal, and their end. */
import { expect } from 'chai'
import { Access } from '../../src/domain/access/service.ts'
import { API_CLIENT } from '../../src/oidc/api-client.ts'
import { audited, CONSOLE, callerOf, newCaller } from '../support/api.ts'
import { AUTH, auth, authAs, login, type TokenSet } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, get, onEveryStack, type ProtocolApp, post } from '../support/protocol.ts'
import { PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'

const ME = '/api/v1/users/me'
const WRONG = 'wrong wrong wrong wrong'
/** As if the first use had been eleven seconds ago. */
const LATER = "update oidc_refresh_tokens set consumed_at = consumed_at - interval '11 seconds'"
const ADA = { email: 'ada@example.org', username: 'ada.lovelace' }

onEveryStack(
  'the API: signing in',
  { people: [ADA], overrides: { clients: [webClient(CONSOLE)], limits: { signInNetwork: 1000 } } },
  (app) => {
    const seen = (token: string) => post(`${app.issuer}/introspect`, { token }, { basic: ['web', RP_SECRET] })
    const codeOf = async (email: string, mail = 0) =>
      /\b\d{3}\s?\d{3}\b/.exec((await app.nextMail(email, mail)).text)?.[0] ?? ''

    it('gives tokens for the password, by the address or the username', async () => {
      for (const name of [{ email: ADA.email }, { username: ADA.username }, { email: 'ADA@Example.org ' }]) {
        const { status, json, headers } = await auth(app, 'login', { ...name, password: PASSWORD })
        expect(status, JSON.stringify(json)).to.equal(200)
        expect(json).to.have.keys('access_token', 'token_type', 'expires_in', 'refresh_token', 'scope')
        expect(json).to.deep.include({ token_type: 'Bearer', expires_in: 1800 })
        expect(json.scope.split(' ')).to.have.members(['account:read', 'account:write'])
        expect(headers.get('cache-control')).to.equal('no-store')
        expect(headers.get('set-cookie')).to.equal(null)
        expect((await callerOf(app, json.access_token).get(ME)).json.email).to.equal(ADA.email)
      }
    })

    it('gives tokens that are what they say, wherever they are shown', async () => {
      const tokens = await login(app, ADA.email)
      const { json: access } = await seen(tokens.access_token)
      const until = Math.floor(Date.now() / 1000) + 1800
      expect(access).to.deep.include({ active: true, client_id: API_CLIENT, aud: `${app.issuer}/api` })
      expect(access.exp).to.be.within(until - 5, until + 5)
      const { json: refresh } = await seen(tokens.refresh_token)
      expect(refresh.exp).to.be.within(until - 1805 + 30 * 86_400, until - 1795 + 30 * 86_400)
      // For the API and for nothing else: there is no openid in it.
      expect((await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(403)
      expect((await callerOf(app, tokens.access_token).get('/api/v1/admin/users')).json.code).to.equal(
        'insufficient_scope',
      )
    })

    it('refuses with one answer whatever was wrong', async () => {
      await createPerson(app, { email: 'gone@example.org' })
      const gone = await app.app.storage.database.users.findByEmail('gone@example.org')
      await accessOf(app).disableUser(String(gone?.id), { by: 'test' })
      const tries = {
        'the password': { email: ADA.email, password: WRONG },
        'the name': { email: 'nobody@example.org', password: PASSWORD },
        'the username': { username: 'nobody', password: PASSWORD },
        'what is no address': { email: 'nobody', password: PASSWORD },
        'somebody disabled': { email: 'gone@example.org', password: PASSWORD },
        'a password longer than any': { email: ADA.email, password: 'x'.repeat(4000) },
      }
      const answers = await Promise.all(
        Object.entries(tries).map(async ([what, body]) => [what, await auth(app, 'login', body)] as const),
      )
      for (const [what, { status, json, headers }] of answers) {
        const { request_id: _, ...told } = json
        expect(told, what).to.deep.equal({
          ...{ type: 'urn:ostiary:problem:invalid_credentials', status: 401, code: 'invalid_credentials' },
          title: 'The name or the password is wrong',
        })
        expect([status, headers.get('www-authenticate')?.startsWith('Bearer ')], what).to.deep.equal([
          401,
          true,
        ])
      }
    })

    it('names every fault of the input at once', async () => {
      const cases: [string, Record<string, unknown>, string[]][] = [
        ['login', {}, ['/password']],
        ['login', { password: 'x' }, ['/email']],
        ['login', { email: 'a@b.c', username: 'x', password: 'y' }, ['/email']],
        ['login', { email: 1, password: '', admin: true }, ['/email', '/password', '/admin']],
        ['login/continue', { verification_code: 1 }, ['/auth_session', '/verification_code']],
        ['refresh', { token: 'x' }, ['/refresh_token', '/token']],
      ]
      for (const [what, body, pointers] of cases) {
        const { status, json } = await auth(app, what, body)
        expect([status, json.code], what).to.deep.equal([422, 'invalid_input'])
        const named = json.errors.map(({ pointer }: { pointer: string }) => pointer)
        expect(named, `${what} ${JSON.stringify(body)}`).to.have.members(pointers)
      }
    })

    it('records who signed in, by which app, and who failed to', async () => {
      const before = (await audited(app, 'user.signed_in')).length
      const { headers } = await auth(app, 'login', { email: ADA.email, password: PASSWORD })
      const record = (await audited(app, 'user.signed_in'))[before]
      expect(record).to.deep.include({ client_id: API_CLIENT, outcome: 'success' })
      expect(record?.request_id).to.equal(headers.get('x-request-id'))
      expect(record?.detail).to.deep.include({ by: 'app', amr: 'pwd' })
      const failed = await auth(app, 'login', { email: ADA.email, password: WRONG })
      const failure = (await audited(app, 'user.sign_in_failed')).at(-1)
      expect(failure?.request_id).to.equal(failed.headers.get('x-request-id'))
      expect(failure).to.deep.include({ client_id: API_CLIENT, outcome: 'failure' })
    })

    it('asks for the code of the mail where the address is not proven', async () => {
      const email = 'unproven@example.org'
      await createPerson(app, { email, verified: false })
      const first = await auth(app, 'login', { email, password: PASSWORD })
      expect([first.status, first.json.code]).to.deep.equal([401, 'verification_required'])
      const code = await codeOf(email)
      const wrong = code === '000000' ? '000001' : '000000'
      const go = (session: string, more = {}) =>
        auth(app, 'login/continue', { auth_session: session, ...more })
      const missed = await go(first.json.auth_session, { verification_code: wrong })
      expect([missed.status, missed.json.code]).to.deep.equal([400, 'proof_invalid'])
      const used = await go(first.json.auth_session, { verification_code: code })
      expect([used.status, used.json.code], 'a session is good for one request').to.deep.equal([
        400,
        'auth_session_invalid',
      ])
      const waiting = await go(missed.json.auth_session)
      expect([waiting.status, waiting.json.code]).to.deep.equal([401, 'verification_required'])
      const soon = await go(waiting.json.auth_session, { resend: true })
      expect([soon.status, soon.json.code], 'a mail a minute').to.deep.equal([429, 'throttled'])
      expect(Number(soon.headers.get('retry-after'))).to.be.within(1, 60)
      const racers = await Promise.all(
        Array.from({ length: 6 }, () => go(waiting.json.auth_session, { verification_code: code })),
      )
      const [won, ...others] = racers.filter(({ status }) => status === 200)
      expect(others).to.deep.equal([])
      expect((await callerOf(app, won?.json.access_token).get(ME)).json.email_verified).to.equal(true)
    })

    it('takes no auth_session that it did not give, or that was changed', async () => {
      const email = 'half@example.org'
      await createPerson(app, { email, verified: false })
      const { json } = await auth(app, 'login', { email, password: PASSWORD })
      const session = String(json.auth_session)
      const flipped = session.slice(0, 40) + (session[40] === 'A' ? 'B' : 'A') + session.slice(41)
      for (const other of ['x', flipped, session.slice(0, -4), session.slice(5)]) {
        const { status, json: told } = await auth(app, 'login/continue', { auth_session: other })
        expect([status, told.code]).to.deep.equal([400, 'auth_session_invalid'])
      }
    })

    it('refreshes: a token for each, the old one for a retry only, and never again after that', async () => {
      const first = await login(app, ADA.email)
      const refresh = (token: string) => auth(app, 'refresh', { refresh_token: token })
      const twice = await Promise.all([refresh(first.refresh_token), refresh(first.refresh_token)])
      const [one, other] = twice.map(({ json }) => json as TokenSet)
      expect(twice.map(({ status }) => status)).to.deep.equal([200, 200])
      expect(one?.refresh_token).to.not.equal(first.refresh_token)
      expect(other?.refresh_token, 'one successor').to.equal(one?.refresh_token)
      expect((await callerOf(app, String(one?.access_token)).get(ME)).status).to.equal(200)
      await app.sql.query(LATER)
      const replayed = await refresh(first.refresh_token)
      expect([replayed.status, replayed.json.code]).to.deep.equal([401, 'refresh_token_invalid'])
      expect((await refresh(String(one?.refresh_token))).json.code, 'the family is dead').to.equal(
        'refresh_token_invalid',
      )
      expect((await callerOf(app, String(one?.access_token)).get(ME)).status).to.equal(401)
    })

    it('refreshes its own tokens only', async () => {
      const web = await newCaller(app, 'by-the-web')
      for (const token of ['x', web.token, (await login(app, ADA.email)).access_token]) {
        const { status, json } = await auth(app, 'refresh', { refresh_token: token })
        expect([status, json.code]).to.deep.equal([401, 'refresh_token_invalid'])
      }
    })

    it('says whether a token is good, for whom, and what it may', async () => {
      const { access_token: token } = await login(app, ADA.email)
      const { status, json } = await authAs(app, token, 'verify')
      expect(status).to.equal(200)
      expect(json).to.deep.include({ active: true, client_id: API_CLIENT, roles: [] })
      expect(json.permissions).to.have.members(['account:read', 'account:write'])
      expect(Date.parse(json.expires_at)).to.be.within(Date.now() + 1_780_000, Date.now() + 1_800_000)
      const dead = await authAs(app, `${token}x`, 'verify')
      expect([dead.status, dead.json.code]).to.deep.equal([401, 'invalid_token'])
    })

    it('signs out one, or all, and what was ended is dead at once everywhere', async () => {
      const [here, there] = [await login(app, ADA.email), await login(app, ADA.email)]
      const out = await authAs(app, here.access_token, 'logout')
      expect([out.status, out.text]).to.deep.equal([204, ''])
      await expectDead(app, here)
      expect((await authAs(app, here.access_token, 'logout')).status, 'again').to.equal(401)
      expect((await callerOf(app, there.access_token).get(ME)).status, 'the other one').to.equal(200)
      const ended = (await audited(app, 'session.ended')).at(-1)
      expect(ended).to.deep.include({ outcome: 'success', request_id: out.headers.get('x-request-id') })

      const third = await login(app, ADA.email)
      expect((await authAs(app, there.access_token, 'logout-all')).status).to.equal(204)
      await expectDead(app, there)
      await expectDead(app, third)
      expect((await audited(app, 'user.signed_out_everywhere')).at(-1)?.user_id).to.equal(ended?.user_id)
      expect((await callerOf(app, (await login(app, ADA.email)).access_token).get(ME)).status).to.equal(200)
    })

    it('signs out of the session of another app by its token, and of nobody else', async () => {
      const [web, other] = [await newCaller(app, 'web-person'), await newCaller(app, 'web-other')]
      expect((await authAs(app, web.token, 'logout')).status).to.equal(204)
      expect((await web.get(ME)).status).to.equal(401)
      expect((await other.get(ME)).status).to.equal(200)
      const reader = await newCaller(app, 'web-reader', [], { scopes: ['account:read'] })
      expect((await authAs(app, reader.token, 'logout')).json.code).to.equal('insufficient_scope')
      expect((await reader.get(ME)).status).to.equal(200)
    })

    it('is a session that the person sees and ends', async () => {
      await createPerson(app, { email: 'seer@example.org' })
      const tokens = await login(app, 'seer@example.org')
      const me = callerOf(app, tokens.access_token)
      const [session, ...more] = (await me.get(`${ME}/sessions`)).json.items
      expect([session.client_ids, more]).to.deep.equal([[API_CLIENT], []])
      expect((await me.send('DELETE', `${ME}/sessions/${session.id}`)).status).to.equal(204)
      await expectDead(app, tokens)
    })

    it('is dead with the account: disabled, enabled again, deleted', async () => {
      const { id } = await createPerson(app, { email: 'mortal@example.org' })
      const access = accessOf(app)
      const tokens = await login(app, 'mortal@example.org')
      await access.disableUser(id, { by: 'test' })
      await expectDead(app, tokens)
      await access.enableUser(id, { by: 'test' })
      await expectDead(app, tokens)
      const fresh = await login(app, 'mortal@example.org')
      expect((await callerOf(app, fresh.access_token).get(ME)).status).to.equal(200)
      await access.deleteUser(id, { by: 'test' })
      await expectDead(app, fresh)
    })

    it('ends what is on its way, too: a refresh or a sign-in at the same moment brings nothing that lives', async () => {
      const { id } = await createPerson(app, { email: 'racing@example.org' })
      const access = accessOf(app)
      for (let round = 0; round < 8; round += 1) {
        const tokens = await login(app, 'racing@example.org')
        const [refreshed] = await Promise.all([
          auth(app, 'refresh', { refresh_token: tokens.refresh_token }),
          authAs(app, tokens.access_token, 'logout'),
        ])
        await expectDead(app, tokens)
        if (refreshed.status === 200) await expectDead(app, refreshed.json)
        else expect(refreshed.json.code).to.equal('refresh_token_invalid')

        const body = { email: 'racing@example.org', password: PASSWORD }
        const [begun] = await Promise.all([auth(app, 'login', body), access.disableUser(id, { by: 'test' })])
        if (begun.status === 200) await expectDead(app, begun.json)
        else {
          expect(begun.status, begun.text).to.equal(401)
          expect(begun.json.code).to.be.oneOf(['invalid_credentials', 'step_required'])
        }
        await access.enableUser(id, { by: 'test' })
        if (begun.status === 200) await expectDead(app, begun.json)
      }
    }).timeout(60_000)

    it('keeps the client behind it to the API and to one’s own account', async () => {
      const push = (more: Record<string, string>) =>
        post(`${app.issuer}/par`, {
          ...{ client_id: API_CLIENT, response_type: 'code', scope: 'account:read users:write email' },
          ...{ redirect_uri: `${app.issuer}${AUTH}/nowhere`, code_challenge_method: 'S256' },
          ...{ code_challenge: 'a'.repeat(43), ...more },
        })
      const claims = await push({ scope: 'openid email' })
      expect([claims.status, claims.json.error]).to.deep.equal([400, 'invalid_scope'])
      const [sample] = app.config.resourceServers
      const elsewhere = await push({ scope: 'read', resource: String(sample?.audience) })
      expect([elsewhere.status, elsewhere.json.error]).to.deep.equal([400, 'invalid_target'])
      const redirect = await push({ redirect_uri: 'https://evil.example/cb' })
      expect(redirect.status).to.equal(400)
    })

    it('takes no cookie: a browser’s session is of no use, and none is begun', async () => {
      const web = await newCaller(app, 'cookie-person')
      const cookie = web.agent.cookieHeader(`${app.issuer}/`)
      expect(cookie).to.include('ostiary_session')
      const { headers, status } = await auth(
        app,
        'login',
        { email: 'cookie-person@example.org', password: WRONG },
        { headers: { cookie } },
      )
      expect([status, headers.get('set-cookie')]).to.deep.equal([401, null])
    })

    it('is closed for now, and no fault of ours, when the client behind it was disabled', async () => {
      const tokens = await login(app, ADA.email)
      await accessOf(app).disableClient(API_CLIENT, { by: 'test' })
      for (const [what, body] of [
        ['login', { email: ADA.email, password: PASSWORD }],
        ['refresh', { refresh_token: tokens.refresh_token }],
      ] as const) {
        const { status, json } = await auth(app, what, body)
        expect([status, json.code], what).to.deep.equal([503, 'unavailable'])
      }
      await accessOf(app).enableClient(API_CLIENT, { by: 'test' })
      await login(app, ADA.email)
    })

    it('stops a network that asks without end', async () => {
      const asked = await Promise.all(
        Array.from({ length: 6 }, () => auth(app, 'refresh', { refresh_token: 'x' })),
      )
      const left = asked.map(({ headers }) =>
        Number(/^"network";r=(\d+)/.exec(String(headers.get('ratelimit')))?.[1]),
      )
      expect(new Set(left).size, left.join()).to.equal(6)
    })
  },
)

onEveryStack(
  'the API: signing in, where few may ask',
  { people: [ADA], overrides: { limits: { apiNetwork: 3 } } },
  (app) => {
    it('counts those without a token by network', async () => {
      const tries: Answer[] = []
      for (let index = 0; index < 5; index += 1)
        tries.push(await auth(app, 'refresh', { refresh_token: 'x' }))
      expect(tries.map(({ status }) => status)).to.deep.equal([401, 401, 401, 429, 429])
      expect(tries[3]?.json.code).to.equal('throttled')
      expect(Number(tries[3]?.headers.get('retry-after'))).to.be.within(1, 60)
    })
  },
)

onEveryStack('the API: signing in, switched off', { people: [ADA], settings: { AUTH_API: 'off' } }, (app) => {
  it('is not there, nor is the client behind it', async () => {
    for (const what of ['login', 'register', 'refresh']) {
      const { status, json } = await auth(app, what, { email: ADA.email, password: PASSWORD })
      expect([status, json.code], what).to.deep.equal([404, 'not_found'])
    }
    const { paths } = (await get(`${app.issuer}/openapi.json`)).json
    expect(Object.keys(paths).filter((path) => path.startsWith(AUTH))).to.deep.equal([])
    const pushed = await post(`${app.issuer}/par`, { client_id: API_CLIENT, response_type: 'code' })
    expect([pushed.status, pushed.json.error]).to.deep.equal([401, 'invalid_client'])
  })
})

/** As an operator's tool has it. */
function accessOf({ app: { storage } }: ProtocolApp): Access {
  return new Access(storage.database, () => storage.changes.expire('clients'))
}

/** Refused by the API, by userinfo, by introspection and for new tokens. */
async function expectDead(app: ProtocolApp, tokens: TokenSet): Promise<void> {
  const { access_token: access, refresh_token: refresh } = tokens
  const me = await callerOf(app, access).get(ME)
  expect([me.status, me.json.code], 'the API').to.deep.equal([401, 'invalid_token'])
  expect((await get(`${app.issuer}/userinfo`, { bearer: access })).status, 'userinfo').to.equal(401)
  for (const token of [access, refresh]) {
    const { json } = await post(`${app.issuer}/introspect`, { token }, { basic: ['web', RP_SECRET] })
    expect(json, 'introspection').to.deep.equal({ active: false })
  }
  const again = await auth(app, 'refresh', { refresh_token: refresh })
  expect([again.status, again.json.code], 'refresh').to.deep.equal([401, 'refresh_token_invalid'])
}
