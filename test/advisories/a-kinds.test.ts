/**
 * Advisory group A (single use without types): everything that is shown once or borne, presented as everything else.
 * All of it belongs to one client and one person who may do everything, so that only its kind speaks against it; at the
 * end each is used as what it is, and works. How often each works: `test/races/*`.
 * CVE-2026-4325, CVE-2026-4282 (no type namespaces), CVE-2026-37982, CVE-2026-1035, CVE-2026-90997, CVE-2020-15222,
 * CVE-2020-5300, CVE-2025-46815, GHSA-7w99-5wm4-3g79, GHSA-392p-2q2v-4372, GHSA-hc7v-rggr-4hvx, GHSA-hc7v-x88r-fmh4
 */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, type JWTPayload, SignJWT } from 'jose'
import { FirstPartyApp, newKeys, proofBy } from '../support/first-party-app.ts'
import { createPerson } from '../support/people.ts'
import {
  type Answer,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  responseOf,
  type SendOptions,
  sendJson,
} from '../support/protocol.ts'
import { begin, CALLBACK, discover, PASSWORD, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const CIBA = 'urn:openid:params:grant-type:ciba'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const API = 'https://orders.example'
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const many = 1_000_000
const keys = await newKeys()
const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] }
const { client_secret: _, ...unkeyed } = webClient({ grant_types: ['client_credentials'], redirect_uris: [] })
const keyed = (client_id: string) => ({
  ...{ ...unkeyed, client_id, jwks, response_types: [], post_logout_redirect_uris: [] },
  ...{ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' },
})

const clients = [
  webClient({
    ...{ first_party: true, first_party_challenge: true, backchannel_token_delivery_mode: 'poll' },
    grant_types: ['authorization_code', 'refresh_token', DEVICE, CIBA, EXCHANGE],
    token_exchange: { audiences: [API], mode: 'impersonation' },
  }),
  keyed('one'),
  keyed('other'),
]
const options = {
  settings: {
    INITIAL_ACCESS_TOKEN: REGISTER,
    RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['orders'] }]),
  },
  overrides: {
    clients,
    limits: { userCodeNetwork: many, signInNetwork: many, formNetwork: many, mailNetwork: many },
    failureLimits: { perNetwork: many, inAll: many, perClient: many },
  },
}

onEveryStack('advisories A: kinds', options, (app) => {
  const at = (path: string) => `${app.issuer}${path}`
  const token = (form: Record<string, string>) => post(at('/token'), form, WEB)
  const inPath = (what: string, text: string) => new RegExp(`/${what}/([^\\s"]+)`).exec(text)?.[1] ?? ''

  let verifier = ''
  async function code(): Promise<string> {
    const started = await begin(await discover(app.issuer))
    verifier = started.checks.pkceCodeVerifier
    return String(responseOf((await walk(newAgent(), started.url, JANE)).url).code)
  }
  const asCode = (value: string) =>
    token({
      ...{ grant_type: 'authorization_code', code: value },
      ...{ redirect_uri: CALLBACK, code_verifier: verifier },
    })
  let registered: { client_id: string }
  let sessionCookies = ''

  /** One of each, alive. */
  async function makeAll(): Promise<Record<string, string>> {
    const tokens = (await asCode(await code())).json
    const device = (await post(at('/device/auth'), { scope: 'openid' }, WEB)).json
    const asked = await post(at('/backchannel'), { scope: 'openid', login_hint: JANE.email }, WEB)
    const unproven = `half-way-${app.stack[1]}@example.org`
    await createPerson(app, { email: unproven, verified: false })
    const half = await new FirstPartyApp(app.issuer, 'web', WEB).signIn(unproven, PASSWORD)
    const registration = await sendJson(
      'POST',
      at('/reg'),
      { redirect_uris: [CALLBACK] },
      { bearer: REGISTER },
    )
    registered = registration.json
    const forgetful = newAgent()
    await forgetful.submit(await forgetful.get(at('/forgot-password')), { email: JANE.email })
    const newcomer = newAgent()
    const signIn = await newcomer.get((await begin(await discover(app.issuer))).url.href)
    const form = await newcomer.get(`${signIn.url}/register`)
    await newcomer.submit(form, { email: 'new@example.org', password: PASSWORD }, '/register')
    const mailTo = async (to: string, what: string): Promise<string> => {
      for (let tries = 0; tries < 200; tries += 1) {
        const found = (await app.mails()).find((mail) => mail.to === to && inPath(what, mail.text) !== '')
        if (found) return inPath(what, found.text)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`no mail to ${to} with a link to ${what}`)
    }
    const signedIn = newAgent()
    await walk(signedIn, (await begin(await discover(app.issuer))).url, JANE)
    sessionCookies = signedIn.cookieHeader(at('/auth'))
    return {
      // the last code made: its verifier is the one that is known
      'interaction id': signIn.url.split('/').at(-1) ?? '',
      'session cookie': signedIn.cookie('ostiary_session') ?? '',
      'refresh token': tokens.refresh_token,
      'access token': tokens.access_token,
      'ID token': tokens.id_token,
      'device code': device.device_code,
      'user code': device.user_code,
      auth_req_id: asked.json.auth_req_id,
      auth_session: half.json.auth_session,
      'initial access token': REGISTER,
      'registration access token': registration.json.registration_access_token,
      'registration client secret': registration.json.client_secret,
      request_uri: await new FirstPartyApp(app.issuer, 'web', WEB).push(),
      'approval link': await mailTo(JANE.email, 'approve'),
      'reset link': await mailTo(JANE.email, 'reset-password'),
      'link that proves an address': await mailTo('new@example.org', 'verify-email'),
      'setup link': inPath('setup', String(await app.app.setupUrl())),
      'authorization code': await code(),
    }
  }

  const page = async (path: string, view: string) => {
    const answer = await newAgent().get(at(path))
    return answer.status === 200 && answer.text.includes(view) && answer.forms.length > 0
  }
  const ok = ({ status }: Answer) => status >= 200 && status < 300

  /** Every way in: whose kind it is for, and whether this value gets through. The first four change nothing that counts. */
  const WAYS: Record<string, (value: string) => Promise<boolean>> = {
    'authorization code': async (value) => ok(await asCode(value)),
    'refresh token': async (value) => ok(await token({ grant_type: 'refresh_token', refresh_token: value })),
    // alive, and nobody has answered: what is no code at all is another refusal
    'device code': async (value) => pending(await token({ grant_type: DEVICE, device_code: value })),
    auth_req_id: async (value) => pending(await token({ grant_type: CIBA, auth_req_id: value })),
    'access token': async (value) => ok(await get(at('/userinfo'), { bearer: value })),
    'initial access token': async (value) =>
      ok(await sendJson('POST', at('/reg'), { redirect_uris: [CALLBACK] }, { bearer: value })),
    'registration access token': async (value) =>
      ok(await get(at(`/reg/${registered.client_id}`), { bearer: value })),
    'registration client secret': async (value) =>
      (await post(at('/introspect'), { token: 'x' }, { basic: [registered.client_id, value] })).status ===
      200,
    auth_session: async (value) =>
      (await post(at('/authorize-challenge'), { auth_session: value }, WEB)).status === 403,
    request_uri: async (value) => {
      const query = new URLSearchParams({ client_id: 'web', request_uri: value })
      return (await newAgent().get(at(`/auth?${query}`))).text.includes('view-sign-in')
    },
    'user code': async (value) => {
      const agent = newAgent()
      const typed = await agent.submit(await agent.get(at('/device')), { user_code: value })
      return typed.text.includes('name="confirm"')
    },
    'approval link': (value) => page(`/approve/${encodeURIComponent(value)}`, 'view-approve'),
    'reset link': (value) => page(`/reset-password/${encodeURIComponent(value)}`, 'view-reset-password'),
    'link that proves an address': (value) =>
      page(`/verify-email/${encodeURIComponent(value)}`, 'view-verify-email-link'),
    'setup link': (value) => page(`/setup/${encodeURIComponent(value)}`, 'view-setup'),
    'session cookie': async (value) => {
      const { url } = await begin(await discover(app.issuer), { prompt: 'none' })
      // As its browser sends it: with the signature, whatever is signed.
      const cookie = sessionCookies.replace(/(ostiary_session=)[^;]*/, `$1${value}`)
      const answer = await get(url.href, { headers: { cookie } })
      return String(answer.headers.get('location')).includes('code=')
    },
    'token of an API': async (value) => ok(await get(at('/api/v1/users/me'), { bearer: value })),
    'token to exchange': async (value) =>
      ok(
        await token({
          grant_type: EXCHANGE,
          subject_token: value,
          subject_token_type: ACCESS_TOKEN,
          resource: API,
        }),
      ),
    'introspected token': async (value) =>
      (await post(at('/introspect'), { token: value }, WEB)).json?.active === true,
    'hint of a logout': async (value) => {
      const query = new URLSearchParams({ id_token_hint: value, client_id: 'web' })
      return (await newAgent().get(at(`/session/end?${query}`))).status === 200
    },
  }
  /** Ways that take kinds by other names than their own. */
  const TAKES: Record<string, string[]> = {
    'token of an API': [],
    // this one is for userinfo, and no API's to hand on
    'token to exchange': [],
    'introspected token': ['access token', 'refresh token'],
    'hint of a logout': ['ID token'],
    // asked by the other way of the two that take it
    auth_session: ['auth_session'],
  }
  const pending = ({ json }: Answer) => ['authorization_pending', 'slow_down'].includes(String(json?.error))

  it('each kind is itself only: as any other it is refused, and still good (CVE-2026-4325, CVE-2026-4282)', async () => {
    const values = await makeAll()
    for (const [kind, value] of Object.entries(values))
      expect(value, kind).to.be.a('string').and.not.equal('')
    const mistaken: string[] = []
    for (const [way, gets] of Object.entries(WAYS))
      for (const [kind, value] of Object.entries(values)) {
        if ((TAKES[way] ?? [way]).includes(kind)) continue
        if (await gets(value)) mistaken.push(`${kind} as ${way}`)
      }
    expect(mistaken).to.deep.equal([])
    const worn: string[] = []
    for (const [kind, value] of Object.entries(values))
      if (WAYS[kind] && !(await WAYS[kind](value))) worn.push(kind)
    expect(worn, 'used up by having been shown elsewhere, or never good').to.deep.equal([])
  }).timeout(120_000)

  const sign = (id: string, jti: string, more: JWTPayload = {}) =>
    new SignJWT({ jti, ...more })
      .setProtectedHeader({ alg: 'ES256', kid: 'one' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(app.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(keys.privateKey)
  const machine = async (id: string, jti: string, headers: Record<string, string> = {}) =>
    post(
      at('/token'),
      {
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION,
        client_assertion: await sign(id, jti),
      },
      { headers },
    )

  it('a jti counts for the client that made it, and for no other (CVE-2020-15222, CVE-2020-5300)', async () => {
    const jti = randomUUID()
    expect((await machine('one', jti)).status).to.equal(200)
    expect((await machine('one', jti)).status, 'again').to.equal(401)
    expect((await machine('other', jti)).status, 'of another').to.equal(200)
  })

  it('a proof and an assertion are never each other’s (RFC 9449 4.3, RFC 7523 3)', async () => {
    const jti = randomUUID()
    const assertion = await sign('one', jti, { htm: 'POST', htu: at('/token') })
    expect(
      (await machine('one', randomUUID(), { dpop: assertion })).status,
      'an assertion as a proof',
    ).to.equal(400)
    const proof = await proofBy(keys, at('/token'), {
      iss: 'one',
      sub: 'one',
      aud: app.issuer,
      exp: Math.floor(Date.now() / 1000) + 60,
    })
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION,
      client_assertion: proof,
    }
    expect((await post(at('/token'), form)).status, 'a proof as an assertion').to.equal(401)
    expect((await machine('one', jti)).status, 'not used up by that').to.equal(200)
  })
})
