/**
 * Attacks of RFC 9700 (Best Current Practice for OAuth 2.0 Security) that no plan above has as a check. Which checks and
 * tests hold the rest of the matrix is in the table of this folder's README.
 */
import { expect } from 'chai'
import { PASSWORD } from '../../support/relying-party.ts'
import { check } from '../harness/check.ts'
import { accepts, header, json, mutation, page, status } from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'
import { ADA, CALLBACK, type Party, WEB } from '../harness/parties.ts'
import { API, INITIAL_ACCESS_TOKEN } from '../harness/world.ts'
import { expectRefused } from './basic-codes.ts'

const HTML = { headers: { accept: 'text/html' } }

/** Frames refused by the policy and, for old browsers, by the header. */
function expectUnframed(headers: Headers): void {
  expect(headers.get('content-security-policy')).to.include("frame-ancestors 'none'")
  expect(headers.get('x-frame-options')).to.equal('DENY')
}
const framed = mutation('may be framed', ({ headers }) => headers.delete('x-frame-options'))

/** What a page fetches from other origins. */
function foreign(op: Op, html: string): string[] {
  const loaded = [
    ...html.matchAll(/<(?:img|script|link|iframe|source|form)\b[^>]*\b(?:src|href|action)="([^"]+)"/g),
  ]
  return loaded.map(([, url = '']) => new URL(url, op.issuer).origin).filter((origin) => origin !== op.issuer)
}
const loadsFont = page('loads a font from elsewhere', (html) =>
  html.replace('</head>', '<link rel="stylesheet" href="https://fonts.example/x.css"></head>'),
)

/** An app that acts for itself. */
async function machine(op: Op): Promise<Party> {
  const metadata = { grant_types: ['client_credentials'], response_types: [], redirect_uris: [] }
  const { json: body, text } = await op.json('POST', '/reg', metadata, { bearer: INITIAL_ACCESS_TOKEN })
  expect(body.client_id, text).to.be.a('string')
  return { id: body.client_id, secret: body.client_secret, redirectUri: CALLBACK, auth: 'basic' }
}

export const rfc9700 = [
  check(
    'rfc9700-code-injection',
    'RFC 9700, 4.5',
    'gives no tokens for another sign-in’s code, though client and address are right',
    async (op) => {
      const [mine, theirs] = [await op.authorize(WEB), await op.authorize(WEB)]
      expectRefused(await op.redeem(WEB, { ...mine, params: theirs.params }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'rfc9700-token-as-audience-says',
    'RFC 9700, 2.3',
    'takes at its userinfo endpoint no token that was made for an API',
    async (op) => {
      const flow = await op.authorize(WEB, { resource: API, scope: 'openid orders:read' })
      const { json: body } = await op.redeem(WEB, flow, { resource: API })
      expect((await op.userinfo(body.access_token)).status).to.equal(401)
    },
    accepts('/userinfo'),
  ),
  check(
    'rfc9700-resource-widened',
    'RFC 9700, 2.3',
    'makes at refresh no token for an API the person was not asked about',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      expectRefused(await op.refresh(WEB, tokens.refresh_token, { resource: API }), 'invalid_target')
    },
    accepts('/token'),
  ),
  check(
    'rfc9700-password-grant',
    'RFC 9700, 2.4',
    'takes nobody’s password from an app',
    async (op) => {
      const form = { grant_type: 'password', username: ADA.email, password: PASSWORD, scope: 'openid' }
      expectRefused(await op.as(WEB, '/token', form), 'unsupported_grant_type')
    },
    accepts('/token'),
  ),
  check(
    'rfc9700-implicit',
    'RFC 9700, 2.1.2',
    'puts no access token into an address, whoever asks',
    async (op) => {
      const { headers } = await op.firstAnswer(WEB, { response_type: 'token' })
      const location = headers.get('location') ?? ''
      expect(location).to.include('error=unsupported_response_type')
      expect(location).to.not.include('access_token')
    },
    accepts('/auth'),
  ),
  check(
    'rfc9700-credentials-see-other',
    'RFC 9700, 4.12',
    'answers the password with 303, so that no browser sends it on',
    async (op) => {
      const { page, agent } = await op.ask(WEB)
      const [form] = page.forms
      const fields = new URLSearchParams(form?.fields ?? [])
      fields.set('identifier', ADA.email)
      fields.set('password', PASSWORD)
      const path = form?.action ?? ''
      const cookie = agent.cookieHeader(new URL(path, op.issuer).href)
      expect(
        (await op.post(path, Object.fromEntries(fields), { headers: { cookie, accept: 'text/html' } }))
          .status,
      ).to.equal(303)
    },
    mutation('answers with 307', (exchange) => {
      if (exchange.method === 'POST' && exchange.status === 303) exchange.status = 307
    }),
  ),
  check(
    'rfc9700-sign-in-csrf',
    'RFC 9700, 4.7',
    'takes a sign-in only from the browser that began it',
    async (op) => {
      const { page } = await op.ask(WEB)
      const [form] = page.forms
      const fields = { ...Object.fromEntries(form?.fields ?? []), identifier: ADA.email, password: PASSWORD }
      const { status, headers } = await op.post(form?.action ?? '', fields, HTML)
      expect(status).to.be.within(400, 499)
      expect(headers.get('location')).to.equal(null)
    },
    mutation('takes it from anybody', (exchange) => {
      if (exchange.method === 'POST' && exchange.url.pathname.endsWith('/sign-in')) exchange.status = 303
    }),
  ),
  check(
    'rfc9700-sign-in-page-unframed',
    'RFC 9700, 4.16',
    'lets nobody show the sign-in page in a frame',
    async (op) => expectUnframed((await op.ask(WEB)).page.headers),
    framed,
    header('/interaction', 'content-security-policy', "default-src 'none'"),
  ),
  check(
    'rfc9700-consent-page-unframed',
    'RFC 9700, 4.16',
    'lets nobody show the consent page in a frame',
    async (op) => {
      const { page } = await op.ask(WEB, { prompt: 'consent' }, op.signedInBrowser())
      expect(page.text).to.include('class="view-consent"')
      expectUnframed(page.headers)
    },
    framed,
  ),
  check(
    'rfc9700-error-page-unframed',
    'RFC 9700, 4.16',
    'lets nobody show an error page in a frame',
    async (op) => expectUnframed((await op.firstAnswer(WEB, { client_id: 'nobody' })).headers),
    framed,
  ),
  check(
    'rfc9700-device-page-unframed',
    'RFC 9700, 4.16',
    'lets nobody show the page for device codes in a frame',
    async (op) => expectUnframed((await op.get('/device', HTML)).headers),
    framed,
  ),
  check(
    'rfc9700-sign-in-page-own',
    'RFC 9700, 4.2.4',
    'loads nothing from elsewhere into the page that knows a request',
    async (op) => expect(foreign(op, (await op.ask(WEB)).page.text)).to.deep.equal([]),
    loadsFont,
  ),
  check(
    'rfc9700-error-page-own',
    'RFC 9700, 4.2.4',
    'loads nothing from elsewhere into an error page',
    async (op) =>
      expect(foreign(op, (await op.firstAnswer(WEB, { client_id: 'nobody' })).text)).to.deep.equal([]),
    loadsFont,
  ),
  check(
    'rfc9700-forwarded-host',
    'RFC 9700, 4.13',
    'believes nobody’s X-Forwarded-Host: its addresses stay its own',
    async (op) => {
      const headers = {
        'x-forwarded-host': 'evil.example',
        'x-forwarded-proto': 'https',
        forwarded: 'host=evil.example',
      }
      const { json: body } = await op.get('/.well-known/openid-configuration', { headers })
      expect(JSON.stringify(body)).to.not.include('evil.example')
      expect(body.issuer).to.equal(op.issuer)
    },
    json('/.well-known/openid-configuration', 'believes it', (body, { sent }) =>
      Object.assign(body, { jwks_uri: `https://${sent.get('x-forwarded-host')}/jwks` }),
    ),
  ),
  check(
    'rfc9700-forwarded-redirect',
    'RFC 9700, 4.13',
    'sends nobody to a host that a forwarded header names',
    async (op) => {
      const { request } = op.request(WEB)
      const headers = { accept: 'text/html', 'x-forwarded-host': 'evil.example' }
      const answer = await op.get(`/auth?${new URLSearchParams(request)}`, { headers })
      expect(new URL(answer.headers.get('location') ?? '', op.issuer).origin).to.equal(op.issuer)
      expect(answer.status).to.be.oneOf([302, 303])
    },
    mutation('sends them there', ({ headers, sent }) => {
      if (headers.has('location')) headers.set('location', `https://${sent.get('x-forwarded-host')}/`)
    }),
  ),
  check(
    'rfc9700-machine-is-nobody',
    'RFC 9700, 4.15',
    'gives a token that an app got for itself no person’s subject',
    async (op) => {
      const app = await machine(op)
      const { json: token, text } = await op.as(app, '/token', { grant_type: 'client_credentials' })
      expect(token.access_token, text).to.be.a('string')
      const { json: seen } = await op.as(app, '/introspect', { token: token.access_token })
      expect([seen.active, seen.client_id, seen.sub ?? app.id]).to.deep.equal([true, app.id, app.id])
    },
    json('/introspect', 'gives it one', (body) => Object.assign(body, { sub: 'usr_ada' })),
  ),
  check(
    'rfc9700-machine-no-userinfo',
    'RFC 9700, 4.15',
    'answers nothing about a person to a token that an app got for itself',
    async (op) => {
      const app = await machine(op)
      const { json: token } = await op.as(app, '/token', { grant_type: 'client_credentials' })
      const { status, json: body } = await op.userinfo(token.access_token)
      expect(status).to.be.oneOf([401, 403])
      expect(body).to.not.have.property('sub')
    },
    accepts('/userinfo'),
  ),
  check(
    'rfc9700-machine-no-refresh',
    'RFC 6749, 4.4.3',
    'gives an app that acts for itself no refresh token and no ID token',
    async (op) => {
      const { json: token } = await op.as(await machine(op), '/token', { grant_type: 'client_credentials' })
      expect(token.access_token).to.be.a('string')
      expect(token).to.not.have.any.keys('refresh_token', 'id_token')
    },
    json('/token', 'gives one', (body) => Object.assign(body, { refresh_token: 'x' })),
  ),
  check(
    'rfc9700-token-no-cors',
    'RFC 9700, 2.6',
    'lets no script of another origin read the token endpoint',
    async (op) => {
      const { headers } = await op.as(
        WEB,
        '/token',
        { grant_type: 'refresh_token', refresh_token: 'x' },
        { headers: { origin: 'https://evil.example' } },
      )
      expect(headers.get('access-control-allow-origin')).to.equal(null)
    },
    header('/token', 'access-control-allow-origin', '*'),
  ),
  check(
    'rfc9700-introspection-by-post',
    'RFC 7662, 2.1',
    'takes no token to introspect out of an address',
    async (op) => expect((await op.get('/introspect?token=x')).status).to.be.oneOf([404, 405]),
    status('/introspect', 405, 200),
  ),
]
