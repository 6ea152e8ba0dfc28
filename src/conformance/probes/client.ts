/** What a deployment does for one registered client. Nobody signs in; with its secret only what cannot succeed is asked. */
import { must, type Probe } from '../probe.ts'
import { type Answer, type Form, Skipped, type Target, type TargetClient } from '../target.ts'
import { EVIL, pageHeaders, said, unsigned } from './refusals.ts'

const HTML = { accept: 'text/html' }
const STATE = 'conformance a+b'
/** the SHA-256 of nothing that anybody will send */
const CHALLENGE = 'Y29uZm9ybWFuY2UtY29uZm9ybWFuY2UtY29uZm9ybWE'

type Changes = Record<string, string | undefined>

const clientOf = ({ client }: Target): TargetClient => {
  if (!client) throw new Skipped('needs a client')
  return client
}

/** An authorization request as it should be, with some parameters changed. */
async function ask(target: Target, changes: Changes = {}): Promise<Answer> {
  const { id, redirectUri } = clientOf(target)
  const url = await target.endpoint('authorization_endpoint')
  const request: Changes = {
    client_id: id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid',
    state: STATE,
    nonce: 'conformance',
    code_challenge: CHALLENGE,
    code_challenge_method: 'S256',
    ...changes,
  }
  const given = Object.entries(request).filter((entry): entry is [string, string] => entry[1] !== undefined)
  url.search = String(new URLSearchParams(given))
  return target.get(url, HTML)
}

/** What the app was told at its address: by query, or in the fragment for the flows that would use one. */
function toldTo(target: Target, { headers }: Answer): URLSearchParams | undefined {
  const location = headers.get('location') ?? ''
  if (!location.startsWith(clientOf(target).redirectUri)) return undefined
  const url = new URL(location)
  return url.hash.length > 1 ? new URLSearchParams(url.hash.slice(1)) : url.searchParams
}

/** Refused: with a page, or by telling the app one of these errors. */
function mustRefuse(target: Target, answer: Answer, ...errors: string[]): void {
  const told = toldTo(target, answer)
  const isPage = answer.status >= 400 && answer.status < 500 && !answer.headers.has('location')
  must(isPage || errors.includes(told?.get('error') ?? ''), `answered with ${said(answer)}`)
}

/** A request at the token endpoint in the client's name. */
async function token(target: Target, form: Form, secret = clientOf(target).secret ?? ''): Promise<Answer> {
  const { id, auth } = clientOf(target)
  const url = await target.endpoint('token_endpoint')
  if (auth === 'client_secret_post')
    return target.post(url, { ...form, client_id: id, client_secret: secret })
  if (auth === 'none') return target.post(url, { ...form, client_id: id })
  return target.post(url, form, { authorization: basic(id, secret) })
}

/** RFC 6749 2.3.1: encoded as form values first. */
const basic = (id: string, secret: string) =>
  `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString('base64')}`

/** The first page of a sign-in; reached without leaving the origin. */
async function signInPage(target: Target): Promise<Answer> {
  const answer = await ask(target)
  const location = answer.headers.get('location')
  if (location === null) return answer
  const url = new URL(location, await target.endpoint('authorization_endpoint'))
  const cookies = answer.headers.getSetCookie().map((line) => line.split(';')[0])
  return target.get(url, { ...HTML, cookie: cookies.join('; ') })
}

const codeForm = (target: Target): Form => ({
  grant_type: 'authorization_code',
  code: 'conformance-no-such-code',
  redirect_uri: clientOf(target).redirectUri,
  code_verifier: CHALLENGE,
})

export const client: readonly Probe[] = [
  {
    name: 'redirect-other',
    section: 'RFC 9700, 2.1',
    title: 'sends nobody to an address that the client did not register',
    remedy: 'compare redirect_uri letter by letter with what is registered: this gives codes away',
    needs: 'client',
    async run(target) {
      const answer = await ask(target, { redirect_uri: EVIL })
      must(!answer.headers.has('location') && answer.status >= 400, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'redirect-longer',
    section: 'RFC 9700, 4.1.3',
    title: 'takes no registered address with something added to it',
    remedy: 'compare redirect_uri letter by letter, without prefixes and patterns',
    needs: 'client',
    async run(target) {
      const answer = await ask(target, { redirect_uri: `${clientOf(target).redirectUri}/conformance` })
      must(!answer.headers.has('location') && answer.status >= 400, `answered with ${said(answer)}`)
    },
  },
  {
    name: 'pkce-required',
    section: 'RFC 9700, 2.1.1',
    title: 'starts no flow without a challenge',
    remedy: 'require PKCE of this client',
    needs: 'client',
    async run(target) {
      const answer = await ask(target, { code_challenge: undefined, code_challenge_method: undefined })
      mustRefuse(target, answer, 'invalid_request')
    },
  },
  {
    name: 'pkce-plain',
    section: 'RFC 9700, 2.1.1',
    title: 'takes no challenge that is the verifier itself',
    remedy: 'offer S256 and nothing else',
    needs: 'client',
    async run(target) {
      mustRefuse(target, await ask(target, { code_challenge_method: 'plain' }), 'invalid_request')
    },
  },
  {
    name: 'response-type-token',
    section: 'RFC 9700, 2.1.2',
    title: 'gives this client no tokens in an address',
    remedy: 'switch the implicit flow off for this client',
    needs: 'client',
    async run(target) {
      const answer = await ask(target, { response_type: 'token' })
      mustRefuse(target, answer, 'unsupported_response_type', 'unauthorized_client', 'invalid_request')
    },
  },
  {
    name: 'request-unsigned',
    section: 'RFC 9101, 10.2',
    title: 'takes no request object that nobody signed',
    remedy: 'take the algorithm none out of request_object_signing_alg',
    needs: 'client',
    async run(target) {
      const { id: iss } = clientOf(target)
      const answer = await ask(target, { request: unsigned({ iss, aud: target.issuer, client_id: iss }) })
      mustRefuse(target, answer, 'invalid_request_object', 'request_not_supported', 'invalid_request')
    },
  },
  {
    name: 'error-state',
    section: 'RFC 6749, 4.1.2.1',
    title: 'brings state back with a refusal, as it was sent',
    remedy: 'look whether the proxy changes addresses',
    needs: 'client',
    async run(target) {
      const told = await refusedSilently(target)
      must(told.get('state') === STATE, `state is ${JSON.stringify(told.get('state'))}`)
    },
  },
  {
    name: 'error-iss',
    section: 'RFC 9207, 2',
    title: 'names itself in a refusal',
    remedy: 'switch the iss parameter on',
    needs: 'client',
    async run(target) {
      const told = await refusedSilently(target)
      must(told.get('iss') === target.issuer, `iss is ${JSON.stringify(told.get('iss'))}`)
    },
  },
  {
    name: 'prompt-none',
    section: 'OpenID Connect Core 1.0, 3.1.2.6',
    title: 'shows no page where none is wanted, and says login_required',
    remedy: 'answer prompt=none without a page: single-page apps renew their tokens so',
    needs: 'client',
    async run(target) {
      const error = (await refusedSilently(target)).get('error')
      must(/^(login|consent|interaction)_required$/.test(error ?? ''), `the error is ${error}`)
    },
  },
  {
    name: 'redirect-status',
    section: 'RFC 9700, 4.12',
    title: 'leaves with a redirect that repeats no form: 302 or 303',
    remedy: 'redirect with 303; 307 and 308 send passwords on',
    needs: 'client',
    async run(target) {
      const { status } = await ask(target, { prompt: 'none' })
      must(status === 302 || status === 303, `answered with ${status}`)
    },
  },
  {
    name: 'cookies',
    section: 'OWASP ASVS 5.0, 3.3',
    title: 'sets cookies that scripts and other sites do not get',
    remedy: 'set HttpOnly, SameSite and, with https, Secure; look whether the proxy changes Set-Cookie',
    needs: 'client',
    async run(target) {
      const cookies = (await ask(target)).headers.getSetCookie()
      const flags = [/;\s*httponly/i, /;\s*samesite=/i]
      if (target.issuer.startsWith('https:')) flags.push(/;\s*secure/i)
      const bad = cookies.filter((cookie) => flags.some((flag) => !flag.test(cookie)))
      must(bad.length === 0, bad.map((cookie) => cookie.replace(/=[^;]*/, '=…')).join(', '))
    },
  },
  ...pageHeaders('the sign-in page', 'sign-in-page', signInPage).map((probe) => ({
    ...probe,
    needs: 'client' as const,
  })),
  {
    name: 'client-wrong-secret',
    section: 'RFC 6749, 5.2',
    title: 'refuses a wrong secret with invalid_client',
    remedy: 'refuse with 401 and invalid_client',
    needs: 'secret',
    async run(target) {
      const answer = await token(target, codeForm(target), 'conformance-wrong-secret')
      must(answer.status === 401 && answer.json?.error === 'invalid_client', `answered with ${said(answer)}`)
    },
  },
  {
    name: 'code-unknown',
    section: 'RFC 6749, 5.2',
    title: 'takes the client’s proof, and refuses a code it never gave with invalid_grant',
    remedy: 'invalid_client: look at the client’s id, secret and token_endpoint_auth_method',
    needs: 'client',
    async run(target) {
      if (clientOf(target).auth !== 'none' && clientOf(target).secret === undefined)
        throw new Skipped('needs the client’s secret')
      const answer = await token(target, codeForm(target))
      must(answer.status === 400 && answer.json?.error === 'invalid_grant', `answered with ${said(answer)}`)
    },
  },
  {
    name: 'password-grant',
    section: 'RFC 9700, 2.4',
    title: 'takes no passwords at the token endpoint',
    remedy: 'switch the password grant off for this client',
    needs: 'secret',
    async run(target) {
      const answer = await token(target, {
        grant_type: 'password',
        username: 'conformance',
        password: 'conformance',
      })
      const error = String(answer.json?.error)
      must(/^(unsupported_grant_type|unauthorized_client)$/.test(error), `answered with ${said(answer)}`)
    },
  },
]

/** A request that must not show a page to a browser nobody signed in with. */
async function refusedSilently(target: Target): Promise<URLSearchParams> {
  const answer = await ask(target, { prompt: 'none' })
  const told = toldTo(target, answer)
  must(told !== undefined, `the app was told nothing: answered with ${said(answer)}`)
  return told
}
