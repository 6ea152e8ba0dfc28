/** The authorization endpoint: what comes back to the app, what is told to the person, and what never leaves. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, callback, errs, header, mutation, page, refuses, status } from '../harness/mutations.ts'
import type { Answer, Flow } from '../harness/op.ts'
import { CALLBACK, WEB } from '../harness/parties.ts'

/** Refused with a page: nobody is sent anywhere. */
function expectPage({ status, headers, text }: Pick<Answer, 'status' | 'headers' | 'text'>): void {
  expect(headers.get('location'), 'where the browser is sent').to.equal(null)
  expect(status).to.equal(400)
  expect(text).to.include('class="view-error"')
}

/** Refused, and the app is told. */
function expectTold({ params, request, page }: Flow, error: string): void {
  expect(params.error, `${page.status} at ${page.url}`).to.equal(error)
  expect(params).to.not.have.any.keys('code', 'access_token', 'id_token')
  expect(params.state).to.equal(request.state)
}

export const basicResponses = [
  check(
    'basic-code-response',
    'OpenID Connect Core 1.0, 3.1.2.5',
    'brings a code to the registered address',
    async (op) => {
      const { page, params } = await op.authorize(WEB)
      expect(page.url.startsWith(`${CALLBACK}?`)).to.equal(true)
      expect(params.code)
        .to.be.a('string')
        .that.matches(/^[\w-]+$/)
    },
    callback('brings no code', (params) => params.delete('code')),
  ),
  check(
    'basic-state',
    'RFC 6749, 4.1.2',
    'brings state back as it was sent',
    async (op) => {
      const { request, params } = await op.authorize(WEB, { state: 'a b+c/é&=' })
      expect(params.state).to.equal(request.state)
    },
    callback('changes state', (params) => params.set('state', 'another')),
  ),
  check(
    'basic-state-none',
    'RFC 6749, 4.1.2',
    'makes up no state where none was sent',
    async (op) => {
      const { params } = await op.authorize(WEB, { state: undefined })
      expect(params).to.not.have.property('state')
    },
    callback('makes one up', (params) => params.set('state', '')),
  ),
  check(
    'basic-iss',
    'RFC 9207, 2',
    'names itself in the response',
    async (op) => expect((await op.authorize(WEB)).params.iss).to.equal(op.issuer),
    callback('does not name itself', (params) => params.delete('iss')),
    callback('names another', (params) => params.set('iss', 'https://evil.example')),
  ),
  check(
    'basic-iss-in-errors',
    'RFC 9207, 2',
    'names itself in refusals too',
    async (op) => {
      const { params } = await op.ask(WEB, { prompt: 'none' })
      expect(params.error).to.equal('login_required')
      expect(params.iss).to.equal(op.issuer)
    },
    callback('does not', (params) => params.has('error') && params.delete('iss')),
  ),
  check(
    'basic-no-tokens-in-address',
    'RFC 9700, 2.1.2',
    'puts nothing into the address but code, state and iss',
    async (op) =>
      expect(Object.keys((await op.authorize(WEB)).params)).to.have.members(['code', 'state', 'iss']),
    callback('adds an ID token', (params) => params.set('id_token', 'eyJ')),
  ),
  check(
    'basic-code-entropy',
    'RFC 6749, 10.10',
    'makes codes of at least 160 bits',
    async (op) => {
      const { params } = await op.authorize(WEB)
      expect(Buffer.from(String(params.code), 'base64url').length * 8).to.be.at.least(160)
    },
    callback('makes short codes', (params) => params.set('code', '123456')),
  ),
  check(
    'basic-code-unique',
    'RFC 6749, 10.10',
    'makes another code for each request',
    async (op) => {
      const agent = op.signedInBrowser()
      const codes = [await op.authorize(WEB, {}, agent), await op.authorize(WEB, {}, agent)]
      expect(codes[0]?.params.code).to.not.equal(codes[1]?.params.code)
    },
    callback('gives out one code', (params) => params.has('code') && params.set('code', 'c'.repeat(43))),
  ),
  check(
    'basic-redirect-is-get',
    'RFC 9700, 4.12',
    'leaves with a redirect that cannot repeat a password: 302 or 303',
    async (op) => expect((await op.authorize(WEB, {}, op.browser())).page.status).to.be.oneOf([302, 303]),
    mutation('leaves with 307', (exchange) => {
      if (/[?&]code=/.test(exchange.headers.get('location') ?? '')) exchange.status = 307
    }),
  ),
  check(
    'basic-response-not-stored',
    'RFC 9700, 4.2.4',
    'lets nobody keep the answer that carries the code',
    async (op) => expect((await op.authorize(WEB)).page.headers.get('cache-control')).to.include('no-store'),
    header('/auth', 'cache-control', 'private'),
  ),
  check(
    'basic-no-referrer',
    'RFC 9700, 4.2.4',
    'lets no page of its own leak its address',
    async (op) => expect((await op.ask(WEB)).page.headers.get('referrer-policy')).to.equal('no-referrer'),
    header('/interaction', 'referrer-policy', 'unsafe-url'),
  ),
  check(
    'basic-redirect-query-kept',
    'RFC 6749, 3.1.2',
    'keeps the query of a registered address',
    async (op) => {
      const { params } = await op.authorize(WEB, { redirect_uri: `${CALLBACK}?kept=yes` })
      expect(params).to.include.all.keys('kept', 'code')
      expect(params.kept).to.equal('yes')
    },
    callback('throws it away', (params) => params.delete('kept')),
  ),
  check(
    'basic-extra-parameter',
    'RFC 6749, 3.1',
    'ignores parameters it does not know',
    async (op) => expect((await op.authorize(WEB, { extra: 'foobar' })).params).to.not.have.property('extra'),
    refuses('/auth'),
    callback('hands them on', (params) => params.set('extra', 'foobar')),
  ),
  check(
    'basic-post-request',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'takes the request by POST as by GET',
    async (op) => {
      const { request, verifier } = op.request(WEB)
      const agent = op.signedInBrowser()
      const page = await agent.post(`${op.issuer}/auth`, request)
      const params = Object.fromEntries(new URL(page.url).searchParams)
      expect(params.state).to.equal(request.state)
      expect((await op.redeem(WEB, { request, verifier, params })).status).to.equal(200)
    },
    refuses('/auth'),
  ),
  check(
    'basic-missing-response-type',
    'OpenID Connect Core 1.0, 3.1.2.6',
    'refuses a request that does not say which response it wants',
    async (op) => expectTold(await op.ask(WEB, { response_type: undefined }), 'invalid_request'),
    accepts('/auth'),
  ),
  check(
    'basic-unsupported-response-type',
    'RFC 6749, 4.1.2.1',
    'refuses response types it does not offer, by name',
    async (op) =>
      expectTold(await op.ask(WEB, { response_type: 'code nonsense' }), 'unsupported_response_type'),
    accepts('/auth'),
    errs('unsupported_response_type'),
  ),
  check(
    'basic-unregistered-redirect',
    'RFC 6749, 4.1.2.1',
    'shows a page where the address is not registered, and sends nobody there',
    async (op) => expectPage(await op.firstAnswer(WEB, { redirect_uri: 'https://evil.example/cb' })),
    accepts('/auth'),
  ),
  check(
    'basic-redirect-query-added',
    'RFC 9700, 2.1',
    'takes no registered address with a query added to it',
    async (op) => expectPage(await op.firstAnswer(WEB, { redirect_uri: `${CALLBACK}?foo=bar` })),
    accepts('/auth'),
  ),
  check(
    'basic-redirect-query-mismatch',
    'RFC 9700, 2.1',
    'takes no registered address whose query has another value',
    async (op) => expectPage(await op.firstAnswer(WEB, { redirect_uri: `${CALLBACK}?kept=no` })),
    accepts('/auth'),
  ),
  check(
    'basic-missing-redirect',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'shows a page where no address was given, and guesses none',
    async (op) => expectPage(await op.firstAnswer(WEB, { redirect_uri: undefined })),
    accepts('/auth'),
  ),
  check(
    'basic-unknown-client',
    'RFC 6749, 4.1.2.1',
    'shows a page to the person who came with a client it does not know',
    async (op) => expectPage(await op.firstAnswer(WEB, { client_id: 'nobody' })),
    accepts('/auth'),
  ),
  check(
    'basic-request-object-unsigned',
    'OpenID Connect Core 1.0, 6.1',
    'takes no request object that nobody signed',
    async (op) => {
      const encode = (it: object) => Buffer.from(JSON.stringify(it)).toString('base64url')
      const request = `${encode({ alg: 'none' })}.${encode({ iss: 'web', aud: op.issuer, client_id: 'web' })}.`
      expectTold(await op.ask(WEB, { request }), 'invalid_request_object')
    },
    accepts('/auth'),
    errs('invalid_request_object'),
  ),
  check(
    'basic-request-uri',
    'OpenID Connect Core 1.0, 6.2',
    'says that it fetches no request objects',
    async (op) =>
      expectTold(await op.ask(WEB, { request_uri: 'https://evil.example/jwt' }), 'request_uri_not_supported'),
    accepts('/auth'),
  ),
  check(
    'basic-registration-parameter',
    'OpenID Connect Core 1.0, 7.2.1',
    'refuses or ignores registration within a request: the client stays who it is',
    async (op) => {
      const { params } = await op.ask(WEB, { registration: '{"client_name":"Evil"}' }, op.signedInBrowser())
      expect(params.error ?? 'taken, as without it').to.be.oneOf([
        'registration_not_supported',
        'taken, as without it',
      ])
      expect(params.iss).to.equal(op.issuer)
    },
    refuses('/auth', 'server_error'),
  ),
  check(
    'basic-error-page-english',
    'OpenID Connect Core 1.0, 3.1.2.2',
    'says on its error page, in a sentence, what is wrong',
    async (op) => {
      const { text } = await op.firstAnswer(WEB, { client_id: 'nobody' })
      expect(text).to.match(/<html lang="en/)
      expect(/<h1[^>]*>([^<]+)<\/h1>/.exec(text)?.[1]?.trim().split(/\s+/).length).to.be.above(2)
    },
    page('has an empty error page', () => '<!doctype html><html></html>'),
  ),
  check(
    'basic-error-page-escaped',
    'RFC 9700, 4.16',
    'writes nothing of the request into its error page as markup',
    async (op) => {
      const { text } = await op.firstAnswer(WEB, { client_id: '<img src=x>' })
      expect(text).to.include('class="view-error"')
      expect(text).to.not.include('<img src=x>')
    },
    page('echoes the request', (html) => html.replace('</body>', '<img src=x></body>')),
  ),
  check(
    'basic-parameter-twice',
    'RFC 6749, 3.1',
    'refuses a parameter that is given twice',
    async (op) => {
      const { request } = op.request(WEB)
      const page = await op.browser().get(`${op.issuer}/auth?${new URLSearchParams(request)}&scope=openid`)
      expect(new URL(page.url).searchParams.get('error'), page.url).to.equal('invalid_request')
    },
    accepts('/auth'),
  ),
  check(
    'basic-no-scope-openid',
    'RFC 6749, 4.1',
    'gives a plain OAuth request no ID token',
    async (op) => {
      const flow = await op.authorize(WEB, { scope: 'email', nonce: undefined })
      const { json, status } = await op.redeem(WEB, flow)
      expect(status).to.equal(200)
      expect(json.access_token).to.be.a('string')
      expect(json).to.not.have.property('id_token')
    },
    mutation('gives one all the same', (exchange) => {
      if (exchange.url.pathname === '/token') exchange.text = exchange.text.replace('{', '{"id_token":"eyJ",')
    }),
  ),
  check(
    'basic-scope-unknown',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'ignores scopes it does not know',
    async (op) => {
      const { tokens } = await op.signIn(WEB, { scope: 'openid nonsense' })
      expect(String(tokens.scope).split(' ')).to.not.include('nonsense')
    },
    refuses('/auth', 'invalid_scope'),
    mutation('grants them', (exchange) => {
      exchange.text = exchange.text.replace('"scope":"openid', '"scope":"nonsense openid')
    }),
  ),
  check(
    'basic-display-and-locales',
    'OpenID Connect Core 1.0, 15.1',
    'takes display, ui_locales, claims_locales and acr_values without stumbling',
    async (op) => {
      const hints = { display: 'touch', ui_locales: 'se', claims_locales: 'se', acr_values: '1 2' }
      expect((await op.authorize(WEB, hints)).params.code).to.be.a('string')
    },
    refuses('/auth'),
  ),
  check(
    'basic-login-hint',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'fills the name in that the app suggests',
    async (op) => {
      const { page } = await op.ask(WEB, { login_hint: 'ada@example.org' })
      expect(page.forms.flatMap(({ fields }) => fields)).to.deep.include(['identifier', 'ada@example.org'])
    },
    page('leaves the field empty', (html) => html.replaceAll('ada@example.org', '')),
  ),
  check(
    'basic-put-refused',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'answers to GET and POST at the authorization endpoint and to nothing else',
    async (op) => expect((await op.send('PUT', '/auth', '{}')).status).to.be.oneOf([404, 405]),
    status('/auth', 405, 200),
  ),
]
