/** What no client of good will sends: every answer is a refusal (4xx), never a failure, and shows nothing inside. */
import { expect } from 'chai'
import { expectRefused, expectSound } from '../support/answer-rules.ts'
import { sendForm, sendRaw } from '../support/raw-http.ts'
import { CALLBACK, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const INITIAL_ACCESS_TOKEN = 'an-initial-access-token-of-the-tests-0123'
const BASIC = `Basic ${Buffer.from(`web:${RP_SECRET}`).toString('base64')}`
const NULS = { 'percent-encoded': '%00', raw: '\0' }
const OPAQUE = 'x'.repeat(43)
const HTML = { accept: 'text/html' }

type Fields = Record<string, string>

/** Forms of the engine that are right but for the values nobody has. */
const ENGINE_FORMS: [path: string, form: Fields][] = [
  [
    '/token',
    { grant_type: 'authorization_code', code: OPAQUE, redirect_uri: CALLBACK, code_verifier: OPAQUE },
  ],
  ['/token', { grant_type: 'refresh_token', refresh_token: OPAQUE, scope: 'openid', resource: 'urn:x' }],
  ['/token', { grant_type: DEVICE, device_code: OPAQUE }],
  ['/token', { grant_type: 'client_credentials', scope: 'openid' }],
  [
    '/par',
    {
      response_type: 'code',
      client_id: 'web',
      redirect_uri: CALLBACK,
      scope: 'openid',
      code_challenge: OPAQUE,
      code_challenge_method: 'S256',
      prompt: 'login',
    },
  ],
  ['/introspect', { token: OPAQUE, token_type_hint: 'access_token' }],
  ['/revoke', { token: OPAQUE, token_type_hint: 'access_token' }],
  ['/device/auth', { client_id: 'web', scope: 'openid' }],
]

/** RFC 7009 2.2 and RFC 7662 2.2: a token that means nothing is no fault; what is not understood is ignored. */
const FORGIVING = new Set(['/introspect', '/revoke'])

const PAGES = [
  '/',
  '/forgot-password',
  '/mailbox',
  '/mailbox/mail_x',
  '/setup/token',
  `/verify-email/prf_x.${OPAQUE}`,
  `/reset-password/prf_x.${OPAQUE}`,
  `/interaction/${OPAQUE}`,
  `/interaction/${OPAQUE}/sign-in`,
  `/interaction/${OPAQUE}/register`,
  '/auth',
  `/auth/${OPAQUE}`,
  '/device',
  '/session/end',
  '/userinfo',
  '/jwks',
  '/.well-known/openid-configuration',
  '/assets/ostiary.css',
]

const FORMS = [
  '/forgot-password',
  '/mailbox/clear',
  '/setup/token',
  `/verify-email/prf_x.${OPAQUE}`,
  `/reset-password/prf_x.${OPAQUE}`,
  ...[
    'sign-in',
    'register',
    'verify-email',
    'resend',
    'restart',
    'account',
    'other',
    'forget',
    'consent',
    'switch',
    'abort',
  ].map((step) => `/interaction/${OPAQUE}/${step}`),
]

const encode = (fields: Fields): string =>
  Object.entries(fields)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&')

for (const stack of STACKS) {
  describe(`bad input (${stack})`, function () {
    this.timeout(60_000)
    let running: RunningApp
    let origin: string

    before(async () => {
      const grants = ['authorization_code', 'refresh_token', 'client_credentials', DEVICE]
      running = await startApp({
        stack,
        settings: { INITIAL_ACCESS_TOKEN },
        overrides: {
          clients: [webClient({ grant_types: grants }), publicClient()],
          limits: { formNetwork: 10_000, userCodeNetwork: 10_000 },
        },
      })
      origin = running.issuer
    })
    after(() => running.close())

    /** A sign-in that was begun, as a browser holds it. */
    async function begun(): Promise<{ cookie: string; path: string; csrf: string }> {
      const agent = new UserAgent()
      const query = new URLSearchParams({
        client_id: 'web',
        response_type: 'code',
        redirect_uri: CALLBACK,
        scope: 'openid',
        code_challenge: OPAQUE,
        code_challenge_method: 'S256',
      })
      const page = await agent.get(`${origin}/auth?${query}`)
      const csrf = page.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1]
      return {
        cookie: agent.cookieHeader(page.url),
        path: new URL(page.url).pathname,
        csrf: String(csrf),
      }
    }

    describe('NUL', () => {
      for (const path of PAGES) {
        it(`in the address of ${path}`, async () => {
          expectRefused(await sendRaw(origin, { target: `${path}?x=a%00b`, headers: HTML }), 'query', 400)
          expectRefused(await sendRaw(origin, { target: `${path}?%00`, headers: HTML }), 'name', 400)
          expectRefused(await sendRaw(origin, { target: `${path}%00`, headers: HTML }), 'path', 400)
          expectRefused(await sendRaw(origin, { target: `${path}\0`, headers: HTML }), 'raw', 400)
        })
      }

      for (const [path, form] of ENGINE_FORMS) {
        for (const [kind, nul] of Object.entries(NULS)) {
          it(`${kind} in a form at ${path} (${form.grant_type ?? 'one'})`, async () => {
            for (const field of Object.keys(form)) {
              const { [field]: value = '', ...rest } = form
              // in place of a right character and after the right value
              for (const spoilt of [`${value}${nul}`, `${nul}${value.slice(1)}`]) {
                const body = `${encode(rest)}&${field}=${spoilt.includes('%') ? spoilt : spoilt.replaceAll('&', '')}`
                const answer = await sendForm(origin, path, body, { authorization: BASIC })
                if (FORGIVING.has(path)) expectSound(answer, field)
                else expectRefused(answer, `${field} at ${path}`)
              }
            }
          })
        }
      }

      it('in what a pushed request only carries: never a failure, at the push or when it is used', async () => {
        const form = ENGINE_FORMS.find(([path]) => path === '/par')?.[1] ?? {}
        for (const field of [
          'state',
          'nonce',
          'login_hint',
          'ui_locales',
          'acr_values',
          'display',
          'unknown',
        ]) {
          const pushed = await sendForm(origin, '/par', `${encode(form)}&${field}=a%00b`, {
            authorization: BASIC,
          })
          expectSound(pushed, field)
          if (pushed.status !== 201) continue
          const uri = encodeURIComponent(JSON.parse(pushed.text).request_uri)
          const target = `/auth?client_id=web&request_uri=${uri}`
          const used = await sendRaw(origin, { target, headers: HTML })
          expectSound(used, `${field}, used`)
          const cookies = used.headers['set-cookie'] ?? ''
          const cookie = [...cookies.matchAll(/(ostiary_\w+(?:\.sig)?)=([^;]*)/g)]
            .map(([, name, value]) => `${name}=${value}`)
            .join('; ')
          const next = used.headers.location
          if (next) expectSound(await sendRaw(origin, { target: next, headers: { ...HTML, cookie } }), field)
        }
      })

      for (const [kind, nul] of Object.entries(NULS)) {
        it(`${kind} in every form of a page`, async () => {
          const { cookie, path, csrf } = await begun()
          for (const target of [...FORMS, `${path}/sign-in`, `${path}/register`, `${path}/verify-email`]) {
            const body = `_csrf=${csrf}&email=a${nul}@example.org&identifier=${nul}&password=${nul}&code=${nul}`
            expectRefused(await sendForm(origin, target, body, { ...HTML, cookie }), target, 400)
            const inToken = await sendForm(origin, target, `_csrf=${nul}`, { ...HTML, cookie })
            expectRefused(inToken, target, 400)
          }
        })
      }

      it('in JSON: the password hint and client registration', async () => {
        const json = { 'content-type': 'application/json', authorization: `Bearer ${INITIAL_ACCESS_TOKEN}` }
        const post = (target: string, body: string) =>
          sendRaw(origin, { method: 'POST', target, body, headers: json })
        for (const body of ['{"password":"a\\u0000b"}', '{"password":"a\0b"}', '{"a\\u0000":"x"}'])
          expectRefused(await post('/password-hint', body), body, 400)
        for (const member of [
          'client_name',
          'client_uri',
          'redirect_uris',
          'software_id',
          'unknown',
          'scope',
        ]) {
          for (const nul of ['\\u0000', '\0']) {
            const value = member === 'redirect_uris' ? `["${CALLBACK}${nul}"]` : `"a${nul}b"`
            const others = member === 'redirect_uris' ? '' : `"redirect_uris":["${CALLBACK}"],`
            const answer = await post('/reg', `{${others}"${member}":${value}}`)
            // members nobody knows are ignored (RFC 7591 2)
            if (answer.status !== 201) expectRefused(answer, `${member} ${answer.text}`)
            expect(answer.text, member).to.not.include('\\u0000')
          }
        }
      })

      it('in credentials and cookies', async () => {
        const basic = (text: string) => `Basic ${Buffer.from(text, 'latin1').toString('base64')}`
        const credentials = [
          ...['we\0b:x', 'we%00b:x', `web:${RP_SECRET}%00`, 'web:\0', 'we%ffb:x', 'web', ':', ''].map(basic),
          'Basic %%%',
          'Basic',
          'Bearer x',
        ]
        for (const authorization of credentials) {
          const answer = await sendForm(origin, '/token', 'grant_type=client_credentials', { authorization })
          expectRefused(answer, authorization)
        }
        for (const token of ['a%00b', 'a\xffb', '', 'x'.repeat(5000), '\u00e9'])
          expectRefused(
            await sendRaw(origin, { target: '/userinfo', headers: { authorization: `Bearer ${token}` } }),
            `bearer ${token.slice(0, 10)}`,
          )
        for (const dpop of ['', 'a.b.c', 'x', `${OPAQUE}.${OPAQUE}.${OPAQUE}`])
          expectRefused(
            await sendRaw(origin, { target: '/userinfo', headers: { authorization: 'DPoP x', dpop } }),
            `dpop ${dpop}`,
          )
        for (const name of ['session', 'interaction', 'browser', 'flow', 'devices', 'resume'])
          for (const value of ['a%00b', '%ff', '"', '\xff', '|||||', 'a.b.c', '{}', 'x'.repeat(3000)]) {
            const cookie = `ostiary_${name}=${value}; ostiary_${name}.sig=${value}`
            for (const target of ['/', `/interaction/${OPAQUE}`, '/session/end', '/device'])
              expectSound(await sendRaw(origin, { target, headers: { ...HTML, cookie } }), `${name}=${value}`)
          }
      })
    })

    describe('what is no UTF-8', () => {
      // a lone continuation, a cut sequence, an overlong slash, a surrogate, beyond Unicode
      const BROKEN = [
        '%ff',
        '%80',
        '%c3%28',
        '%c0%af',
        '%ed%a0%80',
        '%f5%80%80%80',
        '%E0%A4',
        '%',
        '%zz',
        '%u0041',
      ]

      it('in addresses', async () => {
        for (const broken of BROKEN)
          for (const path of ['/', '/auth', '/device', '/forgot-password', '/session/end'])
            expectRefused(
              await sendRaw(origin, { target: `${path}?state=a${broken}`, headers: HTML }),
              `${path} ${broken}`,
              400,
            )
      })

      it('in forms of pages, percent-encoded or raw', async () => {
        const { cookie, path } = await begun()
        for (const broken of [...BROKEN, '\xff', '\xc3(', '\xed\xa0\x80'])
          for (const target of [`${path}/sign-in`, '/forgot-password']) {
            const body = Buffer.from(`_csrf=x&email=a${broken}`, 'latin1')
            expectRefused(
              await sendForm(origin, target, body, { ...HTML, cookie }),
              `${target} ${broken}`,
              400,
            )
          }
      })

      it('in forms of the engine', async () => {
        for (const broken of [...BROKEN, '\xff', '\xc3('])
          for (const [path, form] of ENGINE_FORMS) {
            const body = Buffer.from(`${encode(form)}&x=${broken}&state=${broken}`, 'latin1')
            const answer = await sendForm(origin, path, body, { authorization: BASIC })
            expectSound(answer, `${path} ${broken}`)
          }
      })
    })

    it('a parameter twice is refused where it counts', async () => {
      const { cookie, path, csrf } = await begun()
      const twice = `_csrf=${csrf}&identifier=a&identifier=b&password=x`
      expectRefused(await sendForm(origin, `${path}/sign-in`, twice, { ...HTML, cookie }), 'identifier', 400)
      const tokens = `_csrf=${csrf}&_csrf=x&identifier=a&password=x`
      expectRefused(await sendForm(origin, `${path}/sign-in`, tokens, { ...HTML, cookie }), 'csrf', 400)
      for (const [target, form] of ENGINE_FORMS) {
        const [[name, value] = ['', '']] = Object.entries(form)
        const answer = await sendForm(origin, target, `${encode(form)}&${name}=${value}`, {
          authorization: BASIC,
        })
        expectRefused(answer, `${name} at ${target}`, 400)
      }
      const query = 'client_id=web&client_id=spa&response_type=code&redirect_uri=x'
      expectRefused(await sendRaw(origin, { target: `/auth?${query}`, headers: HTML }), '/auth', 400)
    })

    it('another content type than the endpoint reads is refused', async () => {
      const { cookie, path, csrf } = await begun()
      const body = `_csrf=${csrf}&identifier=jane@example.org&password=x`
      for (const type of [
        'text/plain',
        'application/json',
        'multipart/form-data; boundary=x',
        'nonsense',
        '',
      ]) {
        const headers = { ...HTML, cookie, 'content-type': type }
        for (const target of [...FORMS, `${path}/sign-in`])
          expectRefused(
            await sendRaw(origin, { method: 'POST', target, body, headers }),
            `${target} ${type}`,
            415,
          )
        for (const [target, form] of ENGINE_FORMS) {
          const answer = await sendRaw(origin, {
            method: 'POST',
            target,
            body: encode(form),
            headers: { 'content-type': type, authorization: BASIC },
          })
          // Without a type there is no body, and a device may ask with nothing but its credentials.
          if (type === '') expectSound(answer, target)
          else expectRefused(answer, `${target} ${type}`, 400)
        }
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded']) {
        const authorization = `Bearer ${INITIAL_ACCESS_TOKEN}`
        const headers = { 'content-type': type, authorization }
        expectRefused(
          await sendRaw(origin, { method: 'POST', target: '/reg', body: '{}', headers }),
          '/reg',
          400,
        )
        const hint = await sendRaw(origin, { method: 'POST', target: '/password-hint', body: '{}', headers })
        expectRefused(hint, 'hint', 415)
      }
    })

    it('JSON that is no object of ours is refused', async () => {
      const nested = '['.repeat(10_000) + ']'.repeat(10_000)
      for (const body of ['', '[]', 'null', '1', '"x"', '{', '{"a":}', nested, '\xff']) {
        for (const target of ['/password-hint', '/reg']) {
          const headers = {
            'content-type': 'application/json',
            authorization: `Bearer ${INITIAL_ACCESS_TOKEN}`,
          }
          const request = { method: 'POST', target, body: Buffer.from(body, 'latin1'), headers }
          expectRefused(await sendRaw(origin, request), `${target} ${body.slice(0, 20)}`, 400)
        }
      }
      const polluted = '{"__proto__":{"password":"x"},"constructor":"x","password":{"toString":1}}'
      const headers = { 'content-type': 'application/json' }
      const answer = await sendRaw(origin, {
        method: 'POST',
        target: '/password-hint',
        body: polluted,
        headers,
      })
      expect(answer.status).to.equal(200)
      expect(JSON.parse(answer.text)).to.deep.equal({ ok: false, problems: ['required'] })
    })

    describe('too much', () => {
      const CHUNKED = { 'transfer-encoding': 'chunked' }
      const chunked = (body: string) => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`

      it('of a body: 413, whether its length is announced or not', async () => {
        const { cookie } = await begun()
        const body = `password=${'x'.repeat(60 * 1024)}`
        const json = `{"password":"${'x'.repeat(60 * 1024)}"}`
        const jsonHeaders = {
          'content-type': 'application/json',
          authorization: `Bearer ${INITIAL_ACCESS_TOKEN}`,
        }
        for (const target of FORMS) {
          expectRefused(await sendForm(origin, target, body, { ...HTML, cookie }), target, 413)
          const unannounced = await sendForm(origin, target, chunked(body), { ...HTML, cookie, ...CHUNKED })
          expectRefused(unannounced, `${target} chunked`, 413)
        }
        for (const target of new Set(ENGINE_FORMS.map(([path]) => path))) {
          const headers = { authorization: BASIC }
          expectRefused(await sendForm(origin, target, body, headers), target, 413)
          const unannounced = await sendForm(origin, target, chunked(body), { ...headers, ...CHUNKED })
          // the engine's own word for it
          expectRefused(unannounced, `${target} chunked`, 400)
        }
        for (const target of ['/password-hint', '/reg']) {
          const request = { method: 'POST', target, headers: jsonHeaders }
          expectRefused(await sendRaw(origin, { ...request, body: json }), target, 413)
          const headers = { ...jsonHeaders, ...CHUNKED }
          const unannounced = await sendRaw(origin, { ...request, headers, body: chunked(json) })
          expectRefused(unannounced, `${target} chunked`, target === '/reg' ? 400 : 413)
        }
      })

      it('announced and not sent: refused at once', async () => {
        const started = performance.now()
        const headers = {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': '1000000000',
        }
        for (const target of ['/forgot-password', '/token']) {
          const answer = await sendRaw(origin, { method: 'POST', target, headers, body: 'a=b' })
          expectRefused(answer, target, 413)
        }
        expect(performance.now() - started).to.be.below(5000)
      })

      it('of fields', async () => {
        const body = Array.from({ length: 2000 }, (_, index) => `f${index}=`).join('&')
        expectRefused(await sendForm(origin, '/forgot-password', body, HTML), 'form', 413)
        expectSound(await sendRaw(origin, { target: `/auth?${body.slice(0, 8000)}`, headers: HTML }), 'query')
      })

      it('of headers: 431', async () => {
        const cookie = Array.from({ length: 40 }, (_, index) => `c${index}=${'x'.repeat(500)}`).join('; ')
        expectRefused(await sendRaw(origin, { headers: { cookie } }), 'cookies', 431)
        expectRefused(await sendRaw(origin, { target: `/?${'x'.repeat(20_000)}` }), 'address', 431)
        expectSound(await sendRaw(origin, { headers: { cookie: cookie.slice(0, 14_000) } }), 'just below')
      })
    })

    describe('a posted form that is not from our page in this browser', () => {
      const refused = async (
        fields: string,
        headers: Record<string, string>,
        status: number,
        target: string,
      ) =>
        expectRefused(
          await sendForm(origin, target, fields, { ...HTML, ...headers }),
          `${target} ${fields}`,
          status,
        )

      it('without a token, with another form’s, with another browser’s', async () => {
        const [mine, theirs] = [await begun(), await begun()]
        const { cookie, path } = mine
        const forgot = new UserAgent()
        const page = await forgot.get(`${origin}/forgot-password`)
        const ofForgot = String(page.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1])
        for (const step of [
          'sign-in',
          'register',
          'verify-email',
          'resend',
          'restart',
          'other',
          'abort',
          'switch',
        ]) {
          for (const token of ['', 'x', theirs.csrf, ofForgot, mine.csrf.slice(0, -1), `${mine.csrf} `])
            await refused(`_csrf=${token}&identifier=a&password=b`, { cookie }, 403, `${path}/${step}`)
          await refused('identifier=a&password=b', { cookie }, 403, `${path}/${step}`)
        }
        await refused(`_csrf=${mine.csrf}&email=a@example.org`, { cookie }, 403, '/forgot-password')
        await refused(`_csrf=${ofForgot}&email=a@example.org`, { cookie }, 403, '/forgot-password')
      })

      it('without any cookie, or with the cookie of another sign-in', async () => {
        const [mine, theirs] = [await begun(), await begun()]
        await refused(`_csrf=${mine.csrf}&identifier=a&password=b`, {}, 400, `${mine.path}/sign-in`)
        await refused(`_csrf=${mine.csrf}`, { cookie: theirs.cookie }, 400, `${mine.path}/sign-in`)
        await refused('email=a@example.org', {}, 400, '/forgot-password')
      })

      it('from another site, by the browser’s own word, even with everything right', async () => {
        const { cookie, path, csrf } = await begun()
        const headers = { cookie, 'sec-fetch-site': 'cross-site' }
        await refused(`_csrf=${csrf}&identifier=a&password=b`, headers, 403, `${path}/sign-in`)
        const hint = await sendRaw(origin, {
          method: 'POST',
          target: '/password-hint',
          body: '{"password":"x"}',
          headers: {
            'content-type': 'application/json',
            'sec-fetch-site': 'cross-site',
            accept: 'text/html',
          },
        })
        expectRefused(hint, 'hint', 403)
        const right = await sendForm(origin, `${path}/sign-in`, `_csrf=${csrf}&identifier=a&password=b`, {
          ...HTML,
          cookie,
          'sec-fetch-site': 'same-origin',
        })
        expect(right.status, 'the same from our own page').to.equal(401)
      })
    })

    it('GET and HEAD change nothing and HEAD carries no body', async () => {
      for (const path of PAGES) {
        const [got, head] = [
          await sendRaw(origin, { target: path, headers: HTML }),
          await sendRaw(origin, { method: 'HEAD', target: path, headers: HTML }),
        ]
        expectSound(head, `HEAD ${path}`)
        expect(head.text, path).to.equal('')
        expect(head.status, path).to.equal(got.status)
      }
    })

    it('a wrong method: 405 with Allow', async () => {
      const wrong: [string, string[]][] = [
        ['/', ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE']],
        ['/forgot-password', ['PUT', 'DELETE', 'PATCH', 'TRACE']],
        ['/mailbox', ['POST', 'PUT', 'TRACE']],
        ['/mailbox/clear', ['PUT', 'DELETE']],
        ['/password-hint', ['GET', 'HEAD', 'PUT', 'TRACE']],
        ['/setup/x', ['PUT', 'DELETE']],
        ['/verify-email/x', ['PUT', 'DELETE']],
        ['/reset-password/x', ['PUT', 'DELETE']],
        [`/interaction/${OPAQUE}`, ['POST', 'PUT', 'TRACE']],
        [`/interaction/${OPAQUE}/sign-in`, ['PUT', 'DELETE', 'PATCH']],
        ['/assets/ostiary.css', ['POST', 'PUT', 'DELETE', 'TRACE']],
        ['/health', ['POST', 'PUT', 'DELETE', 'TRACE']],
        ['/health/ready', ['POST', 'PUT', 'DELETE']],
        ['/auth', ['PUT', 'DELETE', 'PATCH', 'TRACE']],
        ['/AUTH/', ['PUT', 'DELETE']],
        ['/token', ['GET', 'HEAD', 'PUT', 'DELETE', 'PATCH', 'TRACE']],
        ['/par', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/reg', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/introspect', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/revoke', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/device', ['PUT', 'DELETE', 'PATCH']],
        ['/device/auth', ['GET', 'HEAD', 'PUT', 'DELETE']],
        ['/userinfo', ['PUT', 'DELETE', 'PATCH']],
        ['/session/end', ['PUT', 'DELETE', 'PATCH']],
        ['/jwks', ['POST', 'PUT', 'DELETE']],
        ['/.well-known/openid-configuration', ['POST', 'PUT', 'DELETE']],
      ]
      for (const [target, methods] of wrong)
        for (const method of methods) {
          const what = `${method} ${target}`
          const answer = await sendRaw(origin, { method, target, headers: HTML })
          expectRefused(answer, what, 405)
          expect(answer.headers.allow, what).to.match(/\b(GET|POST)\b/)
          expect(answer.headers.allow?.split(/, ?/), what).to.not.include(method)
        }
      expectRefused(await sendRaw(origin, { method: 'FOO' }), 'FOO', 400)
      const overridden = await sendForm(origin, '/mailbox', '_method=DELETE', {
        ...HTML,
        'x-http-method-override': 'DELETE',
      })
      expectRefused(overridden, 'method override', 405)
    })

    it('a program that names no type it takes: JSON from what programs ask, pages from what people ask', async () => {
      const accepts = [{}, { accept: '*/*' }]
      for (const headers of accepts) {
        const refused = await sendRaw(origin, { method: 'PUT', target: '/token', headers })
        expectRefused(refused, 'PUT /token', 405)
        expect(refused.headers['content-type']).to.match(/^application\/json/)
        expect(JSON.parse(refused.text)).to.include({
          error: 'invalid_request',
          error_description: 'method not allowed',
        })
        const page = await sendRaw(origin, { method: 'PUT', target: '/auth', headers })
        expect(page.headers['content-type']).to.match(/^text\/html/)
      }
      const asked = await sendRaw(origin, { method: 'PUT', target: '/token', headers: HTML })
      expect(asked.headers['content-type']).to.match(/^text\/html/)
    })

    it('a path written otherwise is the same page with the same rules, or none', async () => {
      const { cookie, path } = await begun()
      const variants = (page: string) => [
        `/${page}`,
        `/.${page}`,
        `/x/..${page}`,
        page.toUpperCase(),
        `${page}/`,
        `${page}//`,
        `${page};x=y`,
        `${page}%2f`,
        `/%2e${page}`,
        page.replace(/\w/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
        page.replace('/', '\\'),
      ]
      for (const page of ['/token', '/par', '/introspect', '/revoke', '/device/auth'])
        for (const target of variants(page)) {
          const answer = await sendForm(origin, target, 'a=b')
          expectRefused(answer, target)
        }
      for (const page of [`${path}/sign-in`, '/forgot-password', '/mailbox/clear'])
        for (const target of variants(page)) {
          const answer = await sendForm(origin, target, 'identifier=a&password=b', { ...HTML, cookie })
          expectRefused(answer, target)
          expect(answer.headers['set-cookie'] ?? '', target).to.not.include('session')
        }
      for (const page of PAGES)
        for (const target of variants(page))
          expectSound(await sendRaw(origin, { target, headers: HTML }), target)
    })

    it('typing user codes is throttled under every spelling of the path', async () => {
      const other = await startApp({
        overrides: { clients: [publicClient()], limits: { userCodeNetwork: 3 } },
      })
      try {
        const statuses: number[] = []
        for (const target of ['/device', '/DEVICE', '/device/', '/Device/', '/device']) {
          const agent = new UserAgent()
          const form = await agent.get(`${other.issuer}/device`)
          const xsrf = String(form.forms[0]?.fields.find(([name]) => name === 'xsrf')?.[1])
          const cookie = agent.cookieHeader(form.url)
          const body = encode({ xsrf, user_code: 'BCDF-GHJK' })
          statuses.push((await sendForm(other.issuer, target, body, { ...HTML, cookie })).status)
        }
        expect(statuses).to.deep.equal([422, 422, 422, 429, 429])
      } finally {
        await other.close()
      }
    })

    it('the device pages without a session of theirs: a page, not a failure', async () => {
      for (const body of [
        '',
        'user_code=BCDF-GHJK',
        'xsrf=x&user_code=BCDF-GHJK',
        'xsrf=x&user_code=a%00b',
      ]) {
        expectSound(await sendForm(origin, '/device', body, HTML), `POST /device ${body}`)
        const cookie = 'ostiary_session=gone; ostiary_session.sig=wrong'
        expectSound(await sendForm(origin, '/device', body, { ...HTML, cookie }), `POST /device ${body}`)
      }
      expectSound(await sendRaw(origin, { target: `/device/${OPAQUE}`, headers: HTML }), 'GET /device/:uid')
    })

    describe('another host', () => {
      it('is not served, however it is named', async () => {
        for (const host of [
          'evil.example',
          'localhost.evil.example',
          '',
          'localhost:1@evil.example',
          'a b',
        ]) {
          const answer = await sendRaw(origin, { target: '/forgot-password', headers: { ...HTML, host } })
          expectRefused(answer, host)
          expect(answer.text).to.not.include('evil')
        }
        for (const target of [
          'http://evil.example/.well-known/openid-configuration',
          'http://evil.example/auth',
          '//evil.example/auth',
          'https://evil.example:443/forgot-password',
        ]) {
          const answer = await sendRaw(origin, { target, headers: HTML })
          expectRefused(answer, target)
          expect(answer.text, target).to.not.include('evil')
        }
        const own = await sendRaw(origin, { target: `${origin}/.well-known/openid-configuration` })
        expect(own.status, 'our own address in absolute form').to.equal(200)
        expect(JSON.parse(own.text).token_endpoint).to.equal(`${origin}/token`)
      })

      it('is never believed from forwarded headers of a stranger', async () => {
        const poison = {
          forwarded: 'host=evil.example;proto=https;for=203.0.113.9',
          'x-forwarded-host': 'evil.example',
          'x-forwarded-proto': 'https',
          'x-forwarded-port': '444',
          'x-forwarded-for': '203.0.113.9',
          'x-original-url': '/mailbox',
          'x-rewrite-url': '/mailbox',
          'x-request-id': 'chosen-by-a-stranger',
        }
        const document = await sendRaw(origin, {
          target: '/.well-known/openid-configuration',
          headers: poison,
        })
        expect(document.text).to.not.include('evil').and.not.include('https')
        expect(document.headers['x-request-id']).to.not.equal('chosen-by-a-stranger')
        const page = await sendRaw(origin, { target: '/', headers: { ...HTML, ...poison } })
        expect(page.text).to.not.include('evil')
        const line = running.logs.findLast(({ path }) => path === '/')
        expect(line?.ip).to.match(/^(127\.0\.0\.1|::1)$/)
      })

      it('reached by number on this machine leads to the issuer’s name, and nowhere else', async () => {
        const { port } = new URL(origin)
        const answer = await sendRaw(origin, {
          target: '//evil.example/%0d%0aX: y',
          headers: { host: `127.0.0.1:${port}` },
        })
        if (answer.headers.location) expect(answer.headers.location.startsWith(`${origin}/`)).to.equal(true)
        expectSound(answer, 'loopback')
      })
    })
  })
}
