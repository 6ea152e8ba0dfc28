/**
 * Advisory group Q (a check that lets pass what it cannot check): every dependency goes away inside the checks that need it.
 * The answer is a refusal or 5xx, never what an honest check would have allowed, and what was refused so is not used up.
 * GHSA-8fpg-xm3f-6cx3, CVE-2020-15223, CVE-2024-41264
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect } from 'chai'
import { generateKeyPair, SignJWT } from 'jose'
import { CONSOLE } from '../support/api.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { createPerson } from '../support/people.ts'
import { type Answer, get, JANE, newAgent, post, sendJson, signIn } from '../support/protocol.ts'
import { cleanRedisUrl } from '../support/redis.ts'
import {
  begin,
  CALLBACK,
  discover,
  PASSWORD,
  publicClient,
  RP_SECRET,
  webClient,
} from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import type { Page } from '../support/user-agent.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:1'
const GUESSES = 3
const BASIC = [`web`, RP_SECRET] as const

describe('advisories Q: fail open', function () {
  this.timeout(120_000)
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  let toPostgres: FaultProxy
  let toRedis: FaultProxy
  let app: RunningApp

  before(async () => {
    database = await newPostgresDatabase()
    toPostgres = await startFaultProxy(database.url)
    toRedis = await startFaultProxy(await cleanRedisUrl())
    app = await startApp({
      stack: 'postgres+redis',
      settings: {
        ...{ DATABASE_URL: toPostgres.url, REDIS_URL: toRedis.url, SMTP_URL: 'smtp://127.0.0.1:1' },
        ...{ INITIAL_ACCESS_TOKEN: TOKEN, OUTBOUND_ALLOW: NOWHERE, CLIENT_ID_METADATA: 'open' },
      },
      overrides: {
        limits: { signInStranger: GUESSES },
        clients: [
          webClient(CONSOLE),
          publicClient({ grant_types: ['authorization_code', 'refresh_token', DEVICE] }),
          webClient({
            ...{ client_id: 'far', client_secret: undefined, token_endpoint_auth_method: 'private_key_jwt' },
            ...{ jwks_uri: `${NOWHERE}/jwks`, token_endpoint_auth_signing_alg: 'ES256' },
          }),
        ],
      },
    })
    for (const email of [JANE.email, 'guessed@example.org', 'hashed@example.org'])
      await createPerson(app, { email })
  })
  after(async () => {
    for (const cable of [toPostgres, toRedis]) if (cable) cable.stalled = false
    await app?.close()
    await toPostgres?.close()
    await toRedis?.close()
    await database?.drop()
  })

  const at = (path: string) => app.issuer + path
  const signInPage = async (email: string) => {
    const agent = newAgent()
    const page = await agent.get((await begin(await discover(app.issuer))).url.href)
    return (password: string): Promise<Page> =>
      agent.submit(page, { identifier: email, password }, '/sign-in')
  }
  const isIn = (page: Page) => page.url.startsWith(CALLBACK) && page.url.includes('code=')

  it('without the database nothing is allowed that needs it, and nothing is said to be done', async () => {
    const rp = await discover(app.issuer)
    const resource = at('/api')
    const scope = 'openid offline_access account:read'
    const held = await signIn(rp, { scope: 'openid offline_access email', prompt: 'consent' })
    const ofApi = await signIn(rp, { scope, resource, prompt: 'consent' }, { exchange: { resource } })
    const unused = newAgent()
    const started = await begin(rp)
    const page = await unused.get(started.url.href)
    const code = new URL(
      (await unused.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')).url,
    ).searchParams.get('code')
    const form = await signInPage(JANE.email)
    const signOut = await held.agent.get(at('/session/end'))
    const forgot = newAgent()
    const forgotPage = await forgot.get(at('/forgot-password'))
    const silent = (await begin(rp, { prompt: 'none' })).url.href
    const bearer = held.tokens.access_token
    const refresh = { grant_type: 'refresh_token', refresh_token: String(held.tokens.refresh_token) }
    const exchange = {
      ...{ grant_type: 'authorization_code', code: String(code), redirect_uri: CALLBACK },
      code_verifier: started.checks.pkceCodeVerifier,
    }
    const honest = await get(at('/userinfo'), { bearer })
    expect(honest.status, 'while it is there').to.equal(200)
    expect((await get(at('/api/v1/users/me'), { bearer: ofApi.tokens.access_token })).status).to.equal(200)

    toPostgres.stalled = true
    toPostgres.reset()
    const request = { client_id: 'spa', redirect_uri: CALLBACK, response_type: 'code', scope: 'openid' }
    const challenge = { code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' }
    const checks: Record<string, Promise<Answer>> = {
      userinfo: get(at('/userinfo'), { bearer }),
      introspection: post(at('/introspect'), { token: bearer }, { basic: BASIC }),
      API: get(at('/api/v1/users/me'), { bearer: ofApi.tokens.access_token }),
      'administration by API': get(at('/api/v1/admin/users'), { bearer: ofApi.tokens.access_token }),
      refresh: post(at('/token'), refresh, { basic: BASIC }),
      code: post(at('/token'), exchange, { basic: BASIC }),
      'revocation (CVE-2020-15223)': post(at('/revoke'), { token: bearer }, { basic: BASIC }),
      'pushed request': post(at('/par'), { ...request, ...challenge }),
      device: post(at('/device/auth'), { client_id: 'spa', scope: 'openid' }),
      registration: sendJson(
        'POST',
        at('/reg'),
        { redirect_uris: ['https://a.example/cb'] },
        { bearer: TOKEN },
      ),
    }
    const pages: Record<string, Promise<Page>> = {
      'sign-in': form(PASSWORD),
      'silent sign-in': held.agent.get(silent),
      'signing out': held.agent.submit(signOut, { logout: 'yes' }),
      'forgotten password': forgot.submit(forgotPage, { email: JANE.email }),
    }
    try {
      for (const [what, asked] of Object.entries(checks)) {
        const { status, text } = await asked
        expect(status, `${what}: ${text.slice(0, 200)}`).to.be.within(500, 503)
        expect(text, what).to.not.match(/"active":\s*true|access_token|client_secret|request_uri|device_code/)
      }
      for (const [what, asked] of Object.entries(pages)) {
        const answer = await asked
        expect(isIn(answer), `${what}: ${answer.url}`).to.equal(false)
        if (!answer.url.startsWith(CALLBACK)) expect(answer.status, what).to.be.within(500, 503)
        else expect(answer.url, what).to.match(/error=(server_error|temporarily_unavailable)/)
      }
    } finally {
      await Promise.allSettled([...Object.values(checks), ...Object.values(pages)])
      toPostgres.stalled = false
      toPostgres.reset()
    }
    let again = await post(at('/token'), refresh, { basic: BASIC })
    for (let tries = 0; tries < 100 && again.status >= 500; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      again = await post(at('/token'), refresh, { basic: BASIC })
    }
    expect(again.status, `nothing was used up: ${again.text}`).to.equal(200)
    expect((await post(at('/token'), exchange, { basic: BASIC })).status).to.equal(200)
    expect((await get(at('/userinfo'), { bearer })).status, 'the revocation that failed was none').to.equal(
      200,
    )
  })

  it('without Redis nobody guesses more often', async () => {
    const guess = async (number: number) => {
      const answer = await (await signInPage('guessed@example.org'))(`a wrong guess, number ${number}`)
      expect(isIn(answer)).to.equal(false)
      expect(answer.status).to.equal(401)
    }
    // What was tried while it was there counts.
    await guess(0)
    toRedis.stalled = true
    toRedis.reset()
    try {
      for (let number = 1; number < GUESSES; number += 1) await guess(number)
      const late = await (await signInPage('guessed@example.org'))(PASSWORD)
      expect(isIn(late), 'the right one, too late').to.equal(false)
      expect(late.status).to.equal(429)
      expect(isIn(await (await signInPage(JANE.email))(PASSWORD)), 'others sign in').to.equal(true)
    } finally {
      toRedis.stalled = false
      toRedis.reset()
    }
  })

  it('without a process that hashes no password is right', async () => {
    const kill = () => {
      for (const pid of hashingChildren()) process.kill(pid, 'SIGKILL')
    }
    expect(hashingChildren().length, 'they are there').to.be.above(0)
    for (let round = 0; round < 2; round += 1) {
      const submit = await signInPage('hashed@example.org')
      const killing = setInterval(kill, 2)
      const answer = await submit('not the password of theirs').finally(() => clearInterval(killing))
      expect(isIn(answer)).to.equal(false)
      expect(answer.status).to.be.oneOf([401, 503])
    }
    let page = await (await signInPage('hashed@example.org'))(PASSWORD)
    for (let tries = 0; tries < 20 && !isIn(page); tries += 1)
      page = await (await signInPage('hashed@example.org'))(PASSWORD)
    expect(isIn(page), 'once they are back').to.equal(true)
  })

  it('without mail no address is proven', async () => {
    const agent = newAgent()
    const email = 'nobody-asked@example.org'
    const page = await agent.get((await begin(await discover(app.issuer))).url.href)
    const form = await agent.get(`${page.url}/register`)
    const next = await agent.submit(form, { email, password: PASSWORD }, '/register')
    expect(isIn(next)).to.equal(false)
    expect(isIn(await agent.get((await begin(await discover(app.issuer))).url.href))).to.equal(false)
    expect(isIn(await (await signInPage(email))(PASSWORD))).to.equal(false)
    expect(await app.app.storage.database.users.findByEmail(email)).to.equal(undefined)
  })

  it('without an answer from others neither keys, nor sectors, nor documents count', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    const assertion = await new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('far')
      .setSubject('far')
      .setAudience(app.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
    const signed = { client_assertion_type: ASSERTION, client_assertion: assertion }
    for (const [path, form] of [
      ['/token', { grant_type: 'refresh_token', refresh_token: 'x' }],
      ['/introspect', { token: 'x' }],
      ['/par', { response_type: 'code', client_id: 'far', redirect_uri: CALLBACK }],
    ] as const) {
      const { status, text } = await post(at(path), { ...form, ...signed })
      expect(status, `${path} ${text}`).to.be.oneOf([401, 503])
    }
    const metadata = {
      ...{ redirect_uris: ['https://a.example/cb'], subject_type: 'pairwise' },
      sector_identifier_uri: `https://127.0.0.1:1/sector`,
    }
    const registered = await sendJson('POST', at('/reg'), metadata, { bearer: TOKEN })
    expect(registered.status, registered.text).to.be.oneOf([400, 503])
    const document = await post(at('/par'), {
      ...{ client_id: 'https://127.0.0.1:1/app.json', redirect_uri: CALLBACK, response_type: 'code' },
      ...{ scope: 'openid', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
    })
    expect([document.status, document.json.error], document.text).to.be.deep.oneOf([
      [400, 'invalid_client'],
      [401, 'invalid_client'],
      [503, 'temporarily_unavailable'],
    ])
  })
})

/** Children of this process that hash passwords. */
function hashingChildren(): number[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return []
    try {
      const [, parent] = /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8')) ?? []
      const hashes = readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('hashing-child.mjs')
      return Number(parent) === process.pid && hashes ? [Number(name)] : []
    } catch {
      return []
    }
  })
}
