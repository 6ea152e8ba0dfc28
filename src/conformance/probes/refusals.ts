/** What a deployment refuses to strangers, and how: requests that change nothing whether they are refused or not. */
import { must, type Probe } from '../probe.ts'
import { type Answer, Skipped, type Target } from '../target.ts'

const HTML = { accept: 'text/html' }
export const EVIL = 'https://conformance.invalid/callback'
const MARK = '<i>conformance</i>'

export const said = ({ status, headers, json }: Answer): string =>
  [
    status,
    ...(headers.get('location') ? [`to ${headers.get('location')}`] : []),
    ...(json?.error ? [String(json.error)] : []),
  ].join(' ')

/** The error page that a person sees who came with a client nobody knows. */
async function errorPage(target: Target): Promise<Answer> {
  const url = await target.endpoint('authorization_endpoint')
  url.search = String(
    new URLSearchParams({
      client_id: `conformance-nobody${MARK}`,
      redirect_uri: EVIL,
      response_type: 'code',
      scope: 'openid',
      state: 'conformance',
    }),
  )
  return target.get(url, HTML)
}

/** The headers of a page that shows a person something. */
export function pageHeaders(of: string, prefix: string, page: (target: Target) => Promise<Answer>): Probe[] {
  const probe = (
    name: string,
    section: string,
    title: string,
    remedy: string,
    holds: (headers: Headers) => boolean,
    header: string,
  ): Probe => ({
    name: `${prefix}-${name}`,
    section,
    title: `${title} (${of})`,
    remedy,
    async run(target) {
      const { headers } = await page(target)
      must(holds(headers), `${header}: ${headers.get(header) ?? 'not sent'}`)
    },
  })
  const policy = (headers: Headers) => headers.get('content-security-policy') ?? ''
  return [
    probe(
      ...(['not-framed', 'RFC 9700, 4.16', 'lets nobody show the page in a frame'] as const),
      'send frame-ancestors in the policy, and X-Frame-Options for old browsers',
      (headers) =>
        /frame-ancestors '(none|self)'/.test(policy(headers)) ||
        /^(deny|sameorigin)$/i.test(headers.get('x-frame-options') ?? ''),
      'content-security-policy',
    ),
    probe(
      ...([
        'no-inline-script',
        'OWASP ASVS 5.0, 3.4.3',
        'runs no script that was written into the page',
      ] as const),
      'send a Content-Security-Policy without unsafe-inline for scripts',
      (headers) =>
        /(default|script)-src/.test(policy(headers)) && !/script-src[^;]*unsafe-inline/.test(policy(headers)),
      'content-security-policy',
    ),
    probe(
      ...(['no-referrer', 'RFC 9700, 4.2.4', 'lets the page’s address go nowhere'] as const),
      'send Referrer-Policy: no-referrer',
      (headers) => /no-referrer$|same-origin|strict-origin/.test(headers.get('referrer-policy') ?? ''),
      'referrer-policy',
    ),
    probe(
      ...(['no-store', 'RFC 9700, 4.2', 'lets nobody keep the page'] as const),
      'send Cache-Control: no-store, and look whether the proxy changes it',
      (headers) => /no-store/.test(headers.get('cache-control') ?? ''),
      'cache-control',
    ),
    probe(
      ...(['no-sniffing', 'OWASP ASVS 5.0, 3.4.4', 'lets no browser guess what the page is'] as const),
      'send X-Content-Type-Options: nosniff',
      (headers) => headers.get('x-content-type-options') === 'nosniff',
      'x-content-type-options',
    ),
  ]
}

export const refusals: readonly Probe[] = [
  {
    name: 'unknown-client',
    section: 'RFC 6749, 4.1.2.1',
    title: 'sends nobody anywhere for a client it does not know',
    remedy: 'show an error page instead of redirecting: this is an open redirector',
    async run(target) {
      const answer = await errorPage(target)
      const isKept = answer.headers.get('location') === null && answer.status >= 400 && answer.status < 500
      must(isKept, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'error-page-escaped',
    section: 'RFC 9700, 4.16',
    title: 'writes nothing of the request into its error page as markup',
    remedy: 'escape what the page shows of the request',
    async run(target) {
      must(!(await errorPage(target)).text.includes(MARK), 'the page holds the client_id as it was sent')
    },
  },
  ...pageHeaders('the error page', 'error-page', errorPage),
  {
    name: 'hsts',
    section: 'RFC 6797, 7.2',
    title: 'tells browsers to come by https only',
    remedy: 'send Strict-Transport-Security, here or from the proxy',
    async run(target) {
      if (!target.issuer.startsWith('https:')) throw new Skipped('the issuer is not https')
      const { headers } = await errorPage(target)
      must(headers.has('strict-transport-security'), 'Strict-Transport-Security: not sent')
    },
  },
  {
    name: 'auth-no-cors',
    section: 'RFC 9700, 2.6',
    title: 'lets no script of another origin read the authorization endpoint',
    remedy: 'take the authorization endpoint out of the CORS rules, in the proxy too',
    async run(target) {
      const origin = 'https://conformance.invalid'
      const asked = { origin, 'access-control-request-method': 'GET' }
      const { headers } = await target.options(await target.endpoint('authorization_endpoint'), asked)
      const allowed = headers.get('access-control-allow-origin')
      must(allowed === null, `Access-Control-Allow-Origin: ${allowed}`)
    },
  },
  {
    name: 'token-unknown-client',
    section: 'RFC 6749, 5.2',
    title: 'gives no tokens to a client it does not know, and says invalid_client',
    remedy: 'refuse unknown clients at the token endpoint with 401 and invalid_client',
    async run(target) {
      const answer = await strangersTokenRequest(target)
      const isRefused =
        (answer.status === 401 || answer.status === 400) && answer.json?.error === 'invalid_client'
      must(isRefused && answer.json?.access_token === undefined, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'token-no-store',
    section: 'RFC 6749, 5.2',
    title: 'lets nobody keep answers of the token endpoint',
    remedy: 'send Cache-Control: no-store, and look whether the proxy changes it',
    async run(target) {
      const control = (await strangersTokenRequest(target)).headers.get('cache-control')
      must(/no-store/.test(control ?? ''), `Cache-Control: ${control ?? 'not sent'}`)
    },
  },
  {
    name: 'token-by-get',
    section: 'RFC 6749, 3.2',
    title: 'takes token requests by POST only',
    remedy: 'refuse GET at the token endpoint: addresses end up in logs',
    async run(target) {
      const url = await target.endpoint('token_endpoint')
      url.search = '?grant_type=authorization_code&code=conformance'
      const { status } = await target.get(url)
      must(status >= 400 && status < 500, `answered with ${status}`)
    },
  },
  {
    name: 'userinfo-no-token',
    section: 'RFC 6750, 3',
    title: 'says nothing about anybody without a token, and asks for one',
    remedy: 'refuse with 401 and WWW-Authenticate',
    async run(target) {
      const answer = await target.get(await target.endpoint('userinfo_endpoint'))
      const asks = /^(Bearer|DPoP)\b/.test(answer.headers.get('www-authenticate') ?? '')
      must((answer.status === 401 || answer.status === 400) && asks, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'userinfo-bad-token',
    section: 'RFC 6750, 3.1',
    title: 'refuses a token that it never gave, by name',
    remedy: 'refuse with 401 and error="invalid_token"',
    async run(target) {
      const bearer = { authorization: 'Bearer conformance-no-such-token' }
      const answer = await target.get(await target.endpoint('userinfo_endpoint'), bearer)
      const named = /invalid_token/.test(answer.headers.get('www-authenticate') ?? '')
      must(answer.status === 401 && named, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'introspection-protected',
    section: 'RFC 7662, 2.1',
    title: 'tells nobody about tokens who does not prove to be a client',
    remedy: 'ask for client authentication at the introspection endpoint',
    async run(target) {
      const answer = await target.post(await target.endpoint('introspection_endpoint'), {
        token: 'conformance',
      })
      must(answer.status === 401 || answer.status === 400, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'registration-protected',
    section: 'RFC 7591, 3',
    title: 'lets nobody register without a token',
    remedy: 'ask for an initial access token, unless strangers are meant to register apps',
    async run(target) {
      // Wrong in itself, so that it registers nothing even where anybody may.
      const answer = await target.postJson(await target.endpoint('registration_endpoint'), {
        redirect_uris: ['no uri'],
      })
      const asksForToken = /token|unauthorized|access_denied/.test(String(answer.json?.error ?? ''))
      const isClosed = answer.status === 401 || answer.status === 403
      must(
        isClosed || asksForToken || answer.headers.has('www-authenticate'),
        `answered with ${said(answer)}`,
      )
    },
  },
  {
    name: 'par-protected',
    section: 'RFC 9126, 2.1',
    title: 'takes no pushed request from a client it does not know',
    remedy: 'ask for client authentication at the endpoint for pushed requests',
    async run(target) {
      const url = await target.endpoint('pushed_authorization_request_endpoint')
      const answer = await target.post(url, { client_id: 'conformance-nobody', response_type: 'code' })
      must(answer.status >= 400 && answer.json?.request_uri === undefined, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'logout-no-redirect',
    section: 'OpenID Connect RP-Initiated Logout 1.0, 3',
    title: 'sends nobody to an address that no app registered',
    remedy: 'compare post_logout_redirect_uri with what is registered: this is an open redirector',
    async run(target) {
      const url = await target.endpoint('end_session_endpoint')
      url.search = String(new URLSearchParams({ post_logout_redirect_uri: EVIL, state: 'conformance' }))
      const answer = await target.get(url, HTML)
      must(!(answer.headers.get('location') ?? '').startsWith(EVIL), `answered with ${said(answer)}`)
    },
  },
  {
    name: 'logout-unsigned-hint',
    section: 'RFC 8725, 3.1',
    title: 'takes no ID token as a hint that nobody signed',
    remedy: 'verify id_token_hint as an ID token of this provider',
    async run(target) {
      const url = await target.endpoint('end_session_endpoint')
      const hint = unsigned({ iss: target.issuer, sub: 'conformance', aud: 'conformance' })
      url.search = String(new URLSearchParams({ id_token_hint: hint, post_logout_redirect_uri: EVIL }))
      const answer = await target.get(url, HTML)
      must(answer.status >= 400 && !answer.headers.has('location'), `answered with ${said(answer)}`)
    },
  },
]

const strangersTokenRequest = async (target: Target): Promise<Answer> =>
  target.post(await target.endpoint('token_endpoint'), {
    ...{ grant_type: 'authorization_code', code: 'conformance', redirect_uri: EVIL },
    client_id: 'conformance-nobody',
  })

/** A JWT with the algorithm none (RFC 7515, A.5). */
export function unsigned(claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${encode({ alg: 'none' })}.${encode(claims)}.`
}
