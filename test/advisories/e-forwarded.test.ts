/**
 * Advisory group E (trust in what a request says of itself): somebody who is no proxy sends every forwarded header
 * there is to everything that makes an address, sends a mail, sets a cookie, counts or looks at a certificate.
 * Another `Host`: `test/oidc/host.test.ts`; certificates at the mTLS host: `test/oidc/mtls.test.ts`.
 * CVE-2025-64101, GHSA-93m4-mfpg-c3xf, CVE-2026-27959, CVE-2025-25200, CVE-2024-47070, CVE-2026-45364, CVE-2026-33495
 */
import { expect } from 'chai'
import { auth } from '../support/auth-api.ts'
import { createPerson } from '../support/people.ts'
import { get, newAgent, onEveryStack, post, type SendOptions, sendJson } from '../support/protocol.ts'
import { rawRequest } from '../support/raw-request.ts'
import { begin, CALLBACK, discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import type { Page } from '../support/user-agent.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const API = 'https://orders.example/api'
const many = 1_000_000
const CERTIFICATE = '-----BEGIN%20CERTIFICATE-----%0Aevil'
const POISON = {
  forwarded: 'for=203.0.113.9;host=evil.example;proto=https;by=evil.example',
  'x-forwarded-for': 'evil.example, 203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-protocol': 'https',
  'x-forwarded-ssl': 'on',
  'x-forwarded-scheme': 'https',
  'x-forwarded-port': '444',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-path': '/evil',
  'x-forwarded-server': 'evil.example',
  'x-forwarded-client-cert': `Hash=evil;Cert="${CERTIFICATE}"`,
  'x-original-host': 'evil.example',
  'x-original-url': '/evil',
  'x-rewrite-url': '/evil',
  'x-host': 'evil.example',
  'x-http-host-override': 'evil.example',
  'x-real-ip': '203.0.113.9',
  'x-client-ip': '203.0.113.9',
  'true-client-ip': '203.0.113.9',
  'cf-connecting-ip': '203.0.113.9',
  'x-cluster-client-ip': '203.0.113.9',
  'x-request-id': 'evil-evil-evil',
  'front-end-https': 'on',
  via: '1.1 evil.example',
  'client-cert': CERTIFICATE,
  'ssl-client-cert': CERTIFICATE,
  'ssl-client-verify': 'SUCCESS',
  'x-ssl-client-cert': CERTIFICATE,
  'x-client-cert': CERTIFICATE,
}
const poisoned = { headers: POISON }
const clients = [
  webClient({
    ...{ first_party: true, first_party_challenge: true, backchannel_token_delivery_mode: 'poll' },
    grant_types: ['authorization_code', 'refresh_token', CIBA],
  }),
]
const WEB: SendOptions = { basic: ['web', RP_SECRET] }
const settings = {
  INITIAL_ACCESS_TOKEN: REGISTER,
  RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['orders'], publishMetadata: true }]),
}

onEveryStack('advisories E: forwarded headers', { settings, overrides: { clients } }, (app) => {
  const at = (path: string) => app.issuer + path
  const clean = (what: string, ...texts: string[]) => {
    for (const text of texts) expect(text, what).to.not.match(/evil|203\.0\.113\.9|:444/)
  }
  const cleanPage = ({ url, text, headers }: Page) => clean(url, url, text, JSON.stringify([...headers]))

  it('change no answer of any endpoint, nor its headers (CVE-2026-27959, CVE-2026-33495)', async () => {
    const paths = [
      ...['/', '/auth?client_id=web', '/device', '/session/end', '/forgot-password', '/jwks', '/health/live'],
      ...['/.well-known/openid-configuration', '/.well-known/oauth-authorization-server', '/openapi.json'],
      ...['/.well-known/oauth-protected-resource/userinfo', '/.well-known/oauth-protected-resource/api'],
      ...[
        '/.well-known/oauth-protected-resource/orders.example/api',
        '/userinfo',
        '/api/v1/users/me',
        '/docs',
      ],
      ...[
        `/approve/${'x'.repeat(43)}`,
        `/setup/${'x'.repeat(43)}`,
        `/verify-email/${'x'.repeat(43)}`,
        '/mailbox',
      ],
    ]
    const posts = [
      '/token',
      '/par',
      '/introspect',
      '/revoke',
      '/backchannel',
      '/authorize-challenge',
      '/reg',
      '/device/auth',
    ]
    // ids and times of the one request
    const steady = (text: string) => text.replace(/value="[\w-]{12,}"|[\w-]{43}|[\w-]{36}|\d{10,}/g, '')
    for (const [method, path] of [
      ...paths.map((path) => ['GET', path]),
      ...posts.map((path) => ['POST', path]),
    ]) {
      const ask = (options: SendOptions) =>
        method === 'GET'
          ? get(at(String(path)), options)
          : post(at(String(path)), { client_id: 'nobody' }, options)
      const [plain, dirty] = [await ask({}), await ask(poisoned)]
      expect(dirty.status, String(path)).to.equal(plain.status)
      expect(steady(dirty.text), String(path)).to.equal(steady(plain.text))
      expect([...dirty.headers.keys()], String(path)).to.deep.equal([...plain.headers.keys()])
      clean(String(path), dirty.text, JSON.stringify([...dirty.headers]))
    }
  })

  it('reach no mail: reset, registration, approval, code for an app (CVE-2025-64101, GHSA-93m4-mfpg-c3xf)', async () => {
    const people = ['reset', 'newcomer', 'asked', 'half'].map((name) => `${name}@example.org`)
    const [reset = '', newcomer = '', asked = '', half = ''] = people
    for (const email of [reset, asked]) await createPerson(app, { email })
    await createPerson(app, { email: half, verified: false })
    const agent = newAgent()
    const submit = (page: Page, fields: Record<string, string>, action: string) => {
      const form = page.forms.find((each) => each.action.includes(action))
      if (!form) throw new Error(`no form ${action} on ${page.url}`)
      const all = { ...Object.fromEntries(form.fields), ...fields }
      return agent.post(new URL(form.action || page.url, page.url).href, all, POISON)
    }
    cleanPage(await submit(await agent.get(at('/forgot-password'), POISON), { email: reset }, ''))
    const signIn = await agent.get((await begin(await discover(app.issuer))).url.href, POISON)
    cleanPage(signIn)
    const form = await agent.get(`${signIn.url}/register`, POISON)
    const verify = await submit(form, { email: newcomer, password: PASSWORD }, '/register')
    cleanPage(verify)
    cleanPage(await submit(verify, { code: '000000' }, '/verify-email'))
    const hint = { scope: 'openid', login_hint: asked }
    expect((await post(at('/backchannel'), hint, { ...WEB, ...poisoned })).status).to.equal(200)
    const { url } = await begin(await discover(app.issuer))
    const pushed = await post(at('/par'), Object.fromEntries(url.searchParams), { ...WEB, ...poisoned })
    const fields = { request_uri: pushed.json.request_uri, username: half, password: PASSWORD }
    const answer = await post(at('/authorize-challenge'), fields, { ...WEB, ...poisoned })
    expect(answer.status, answer.text).to.equal(403)
    for (const [to, seen] of [
      [reset, 0],
      [newcomer, 0],
      [asked, 0],
      [half, 0],
    ] as const) {
      const { subject, text, html } = await app.nextMail(to, seen)
      clean(`the mail to ${to}`, subject, text, html)
      for (const [link] of text.matchAll(/https?:\/\/\S+/g))
        expect(link, to).to.match(new RegExp(`^${app.issuer}(/|,|$)`))
    }
  }).timeout(60_000)

  it('reach no mail that the API sends, and no counter of its', async () => {
    const [reset, half, fresh] = ['reset-2', 'half-2', 'fresh-2'].map((name) => `${name}@example.org`) as [
      string,
      string,
      string,
    ]
    await createPerson(app, { email: reset })
    await createPerson(app, { email: half, verified: false })
    const asked = [
      await auth(app, 'forgot-password', { email: reset }, poisoned),
      await auth(app, 'login', { email: half, password: PASSWORD }, poisoned),
      await auth(app, 'register', { email: fresh, password: PASSWORD }, poisoned),
    ]
    expect(asked.map(({ status }) => status)).to.deep.equal([202, 401, 201])
    const left = asked.map(({ headers }) => Number(/r=(\d+)/.exec(String(headers.get('ratelimit')))?.[1]))
    const plain = await auth(app, 'login', {})
    const next = Number(/r=(\d+)/.exec(String(plain.headers.get('ratelimit')))?.[1])
    expect(next, 'one network, whatever is said of it').to.equal(Math.min(...left) - 1)
    for (const [index, { text, headers }] of asked.entries())
      clean(`answer ${index}`, text, JSON.stringify([...headers]))
    for (const to of [reset, half, fresh]) {
      const { subject, text, html } = await app.nextMail(to)
      clean(`the mail to ${to}`, subject, text, html)
      for (const [link] of text.matchAll(/https?:\/\/\S+/g))
        expect(link, to).to.match(new RegExp(`^${app.issuer}(/|,|$)`))
    }
  }).timeout(60_000)

  it('change neither cookies nor what is registered', async () => {
    const { url } = await begin(await discover(app.issuer))
    const cookiesOf = async (headers: Record<string, string>) =>
      (await get(url.href, { headers })).headers
        .getSetCookie()
        .map((cookie) => cookie.replace(/=[^;]*/, '').replace(/expires=[^;]*|\/[\w-]{43}/gi, ''))
    const plain = await cookiesOf({})
    expect(plain).to.have.length.above(0)
    expect(await cookiesOf(POISON)).to.deep.equal(plain)
    const metadata = { redirect_uris: [CALLBACK] }
    const { json } = await sendJson('POST', at('/reg'), metadata, { bearer: REGISTER, ...poisoned })
    expect(json.registration_client_uri).to.equal(at(`/reg/${json.client_id}`))
  })

  it('are in no record of what happened', async () => {
    const { items: rows } = await app.app.storage.database.trail.list({ limit: 1000 })
    expect(rows.filter(({ ip }) => ip !== undefined)).to.have.length.above(0)
    // A User-Agent and an identifier are the caller's to choose; no header of these is.
    clean('audit', JSON.stringify(rows))
    clean('logs', ...app.logs.filter(({ msg }) => msg === 'request').map((line) => JSON.stringify(line)))
  })

  it('and a made-up address in absolute form names the host, whatever Host says (RFC 9112 3.2.2)', async () => {
    const { port, host } = new URL(app.issuer)
    for (const path of [
      '/backchannel',
      '/authorize-challenge',
      '/api/v1/users/me',
      '/metrics',
      '/approve/x',
    ]) {
      const answer = await rawRequest(port, 'GET', `http://evil.example${path}`, { ...POISON, host })
      expect(answer.status, path).to.be.oneOf([421, 404])
      clean(path, answer.text, JSON.stringify(answer.headers))
    }
  })
})

const limits = { signInNetwork: 3, signInStranger: many, signInMonth: many, formNetwork: many }

onEveryStack('advisories E: counters', { overrides: { clients, limits } }, (app) => {
  async function tries(headersOf: (index: number) => Record<string, string>): Promise<number[]> {
    const statuses: number[] = []
    for (let index = 0; index < 6; index += 1) {
      const { url } = await begin(await discover(app.issuer))
      const pushed = await post(`${app.issuer}/par`, Object.fromEntries(url.searchParams), WEB)
      const answer = await post(
        `${app.issuer}/authorize-challenge`,
        {
          request_uri: pushed.json.request_uri,
          username: `nobody-${index}@example.org`,
          password: 'x'.repeat(20),
        },
        { ...WEB, headers: headersOf(index) },
      )
      statuses.push(answer.status)
    }
    return statuses
  }

  it('of a network are not reset by a new address in a header (CVE-2024-47070)', async () => {
    const statuses = await tries((index) =>
      Object.fromEntries(
        Object.entries(POISON).map(([name, value]) => [
          name,
          value.replaceAll('203.0.113.9', `203.0.113.${index}`),
        ]),
      ),
    )
    expect(statuses).to.deep.equal([400, 400, 400, 429, 429, 429])
  })
})

onEveryStack(
  'advisories E: counters behind a proxy',
  { overrides: { clients, limits }, settings: { TRUSTED_PROXIES: '127.0.0.1,::1' } },
  (app) => {
    it('are those of the /64, however an address of it is written, and of the hop that the proxy saw (CVE-2026-45364)', async () => {
      const spellings = [
        '2001:db8:0:7::1',
        '2001:0DB8:0000:0007:ffff:ffff:ffff:fffe',
        '[2001:db8:0:7:a::b]:4711',
        '192.0.2.1, 2001:db8::7:1:2:3:4',
        '203.0.113.4,2001:db8:0:7::9',
      ]
      const statuses: number[] = []
      for (const [index, address] of spellings.entries()) {
        const { url } = await begin(await discover(app.issuer))
        const pushed = await post(`${app.issuer}/par`, Object.fromEntries(url.searchParams), WEB)
        const answer = await post(
          `${app.issuer}/authorize-challenge`,
          {
            request_uri: pushed.json.request_uri,
            username: `no-${index}@example.org`,
            password: 'x'.repeat(20),
          },
          { ...WEB, headers: { 'x-forwarded-for': address } },
        )
        statuses.push(answer.status)
      }
      expect(statuses).to.deep.equal([400, 400, 400, 429, 429])
    })
  },
)
