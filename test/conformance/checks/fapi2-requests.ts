/** FAPI 2.0 Security Profile: pushed requests, and clients that prove a key (with private_key_jwt and DPoP). */
import { expect } from 'chai'
import { generateKeyPair } from 'jose'
import { check } from '../harness/check.ts'
import { authorizePushed, open, push, signInBound } from '../harness/fapi.ts'
import { accepts, callback, errs, header, idToken, json, mutation, refuses } from '../harness/mutations.ts'
import type { Answer, Op } from '../harness/op.ts'
import { FAPI, FAPI_OTHER, isCallback, SECURE_CALLBACK } from '../harness/parties.ts'
import { expectRefused } from './basic-codes.ts'

/** An assertion that is wrong in one place, at the PAR endpoint. */
async function pushWith(
  op: Op,
  claims: Record<string, unknown>,
  head: Record<string, unknown> = {},
  key = FAPI.key,
): Promise<Answer> {
  const { request } = op.request(FAPI)
  const proof = op.asserted(
    FAPI.id,
    await op.assertion({ ...FAPI, key: key as CryptoKey, alg: String(head.alg ?? 'ES256') }, claims, head),
  )
  return op.post('/par', { ...request, ...proof })
}
const now = () => Math.floor(Date.now() / 1000)
const notACallback = (url: string) => expect(isCallback(url), url).to.equal(false)
/** An error page where a pushed request is used wrongly, or the app told so; never a code. */
const sendsCode = mutation('gives a code all the same', (exchange) => {
  if (exchange.url.pathname !== '/auth' || exchange.status < 400) return
  exchange.status = 303
  exchange.headers.set('location', `${SECURE_CALLBACK}?code=x`)
})

export const fapi2Requests = [
  check(
    'fapi2-flow',
    'FAPI 2.0 Security Profile, 5.3.2',
    'leads from a pushed request to tokens bound to a key',
    async (op) => {
      const { tokens, claims } = await signInBound(op, FAPI)
      expect(tokens.token_type).to.equal('DPoP')
      expect(claims.aud).to.equal(FAPI.id)
    },
    json('/token', 'gives a bearer token', (body) => Object.assign(body, { token_type: 'Bearer' })),
  ),
  check(
    'fapi2-par-required',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes no request that was not pushed',
    async (op) => {
      const { params } = await op.ask(FAPI, {}, op.signedInBrowser())
      expect([params.error, params.code]).to.deep.equal(['invalid_request', undefined])
    },
    accepts('/auth'),
  ),
  check(
    'fapi2-par-lifetime',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'keeps a pushed request for less than ten minutes',
    async (op) => expect((await push(op, FAPI)).answer.json.expires_in).to.be.within(1, 599),
    json('/par', 'keeps it for a day', (body) => Object.assign(body, { expires_in: 86_400 })),
  ),
  check(
    'fapi2-par-unguessable',
    'RFC 9126, 2.2',
    'names a pushed request so that nobody guesses it',
    async (op) => {
      const { request_uri: uri } = (await push(op, FAPI)).answer.json
      expect(uri).to.match(/^urn:ietf:params:oauth:request_uri:[\w-]{22,}$/)
    },
    json('/par', 'counts', (body) =>
      Object.assign(body, { request_uri: 'urn:ietf:params:oauth:request_uri:1' }),
    ),
  ),
  check(
    'fapi2-par-no-store',
    'RFC 9126, 2.2',
    'lets nobody keep the answer, which is 201',
    async (op) => {
      const { status, headers } = (await push(op, FAPI)).answer
      expect([status, headers.get('cache-control')]).to.deep.equal([201, 'no-store'])
    },
    header('/par', 'cache-control'),
  ),
  check(
    'fapi2-par-once',
    'RFC 9126, 7.3',
    'takes a pushed request once',
    async (op) => {
      const { answer } = await push(op, FAPI)
      const first = await open(op, FAPI, answer.json.request_uri)
      await op.walk({ request: {}, verifier: '', params: {}, ...first })
      notACallback((await open(op, FAPI, answer.json.request_uri)).page.url)
    },
    sendsCode,
  ),
  check(
    'fapi2-par-other-client',
    'RFC 9126, 2.2',
    'takes a pushed request from the client that pushed it',
    async (op) =>
      notACallback((await open(op, FAPI_OTHER, (await push(op, FAPI)).answer.json.request_uri)).page.url),
    sendsCode,
  ),
  check(
    'fapi2-par-unknown',
    'RFC 9126, 4',
    'takes no request that nobody pushed',
    async (op) => notACallback((await open(op, FAPI, 'urn:ietf:params:oauth:request_uri:unknown')).page.url),
    sendsCode,
  ),
  check(
    'fapi2-par-nothing-beside',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'uses only what was pushed, whatever stands beside it in the address',
    async (op) => {
      const { answer, request } = await push(op, FAPI)
      const { page } = await open(op, FAPI, answer.json.request_uri, {
        state: 'another',
        redirect_uri: 'https://evil.example/',
      })
      const url = new URL(page.url)
      expect([url.origin + url.pathname, url.searchParams.get('state')]).to.deep.equal([
        SECURE_CALLBACK,
        request.state,
      ])
    },
    callback('uses the address', (params, { url }) =>
      params.set('state', String(url.searchParams.get('state'))),
    ),
  ),
  check(
    'fapi2-par-unproven',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes no push from a client that proves nothing',
    async (op) => expectRefused(await op.post('/par', op.request(FAPI).request), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-par-redirect',
    'RFC 9126, 2.3',
    'refuses an address that is not registered when the request is pushed',
    async (op) => {
      const { answer } = await push(op, FAPI, { redirect_uri: 'https://evil.example/' })
      expect([answer.status, answer.json.request_uri]).to.deep.equal([400, undefined])
    },
    accepts('/par'),
  ),
  check(
    'fapi2-par-request-uri',
    'RFC 9126, 2.1',
    'takes no pushed request that refers to another',
    async (op) => {
      const { answer } = await push(op, FAPI, { request_uri: 'urn:ietf:params:oauth:request_uri:x' })
      expect([answer.status, answer.json.request_uri]).to.deep.equal([400, undefined])
      expect(answer.json.error).to.be.oneOf(['invalid_request', 'request_uri_not_supported'])
    },
    accepts('/par'),
  ),
  check(
    'fapi2-par-pkce',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes no pushed request without a challenge',
    async (op) => {
      const none = { code_challenge: undefined, code_challenge_method: undefined }
      expectRefused((await push(op, FAPI, none)).answer, 'invalid_request')
    },
    accepts('/par'),
  ),
  check(
    'fapi2-par-plain',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes no challenge but S256',
    async (op) =>
      expectRefused((await push(op, FAPI, { code_challenge_method: 'plain' })).answer, 'invalid_request'),
    accepts('/par'),
  ),
  check(
    'fapi2-par-response-type',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes no response type but code',
    async (op) =>
      expect((await push(op, FAPI, { response_type: 'code id_token' })).answer.status).to.equal(400),
    accepts('/par'),
  ),
  check(
    'fapi2-iss',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'names itself in the response',
    async (op) => expect((await authorizePushed(op, FAPI)).params.iss).to.equal(op.issuer),
    callback('does not', (params) => params.delete('iss')),
  ),
  check(
    'fapi2-see-other',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'leaves with a redirect that repeats no password',
    async (op) => expect((await authorizePushed(op, FAPI)).page.status).to.be.oneOf([302, 303]),
    mutation('leaves with 307', (exchange) => {
      if (exchange.headers.get('location')?.startsWith(SECURE_CALLBACK)) exchange.status = 307
    }),
  ),
  check(
    'fapi2-state-none',
    'FAPI 2.0 Security Profile, 5.3.2',
    'asks for no state, and makes up none: PKCE is there for that',
    async (op) => {
      const { params } = await authorizePushed(op, FAPI, { state: undefined })
      expect(params.code).to.be.a('string')
      expect(params).to.not.have.property('state')
    },
    callback('makes one up', (params) => params.set('state', 'x')),
  ),
  check(
    'fapi2-nonce-long',
    'FAPI 2.0 Security Profile, 5.3.2',
    'takes a nonce of 64 characters and gives it back',
    async (op) => {
      const nonce = 'n'.repeat(64)
      expect((await signInBound(op, FAPI, { nonce })).claims.nonce).to.equal(nonce)
    },
    idToken('cuts it short', (claims) => Object.assign(claims, { nonce: 'n'.repeat(32) })),
  ),
  check(
    'fapi2-id-token-alg',
    'FAPI 2.0 Security Profile, 5.4.1',
    'signs with PS256, ES256 or EdDSA',
    async (op) =>
      expect((await signInBound(op, FAPI)).header.alg).to.be.oneOf(['PS256', 'ES256', 'EdDSA', 'Ed25519']),
    idToken('signs with RS256', (_claims, head) => Object.assign(head, { alg: 'RS256' })),
  ),
  check(
    'fapi2-assertion-by-secret',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes no secret in place of a key',
    async (op) => {
      const { request } = op.request(FAPI)
      expectRefused(await op.post('/par', { ...request, client_secret: 'a secret' }), 'invalid_client', 401)
    },
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-aud-token-endpoint',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes no assertion made for the token endpoint',
    async (op) => expectRefused(await pushWith(op, { aud: `${op.issuer}/token` }), 'invalid_client', 401),
    accepts('/par'),
    errs('invalid_client'),
  ),
  check(
    'fapi2-assertion-aud-par-endpoint',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes no assertion made for the endpoint it is sent to',
    async (op) => expectRefused(await pushWith(op, { aud: `${op.issuer}/par` }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-aud-list',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes no assertion that is for others too',
    async (op) =>
      expectRefused(await pushWith(op, { aud: [op.issuer, `${op.issuer}/token`] }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-other-key',
    'RFC 7523, 3',
    'takes no assertion signed with another key',
    async (op) => {
      const { privateKey } = await generateKeyPair('ES256')
      expectRefused(await pushWith(op, {}, {}, privateKey), 'invalid_client', 401)
    },
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-rs256',
    'FAPI 2.0 Security Profile, 5.4.1',
    'takes no assertion signed with RS256',
    async (op) => {
      const { privateKey } = await generateKeyPair('RS256')
      expectRefused(await pushWith(op, {}, { alg: 'RS256' }, privateKey), 'invalid_client', 401)
    },
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-expired',
    'RFC 7523, 3',
    'takes no assertion after its time',
    async (op) =>
      expectRefused(await pushWith(op, { iat: now() - 400, exp: now() - 300 }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-no-exp',
    'RFC 7523, 3',
    'takes no assertion that is good for ever',
    async (op) => expectRefused(await pushWith(op, { exp: undefined }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-no-jti',
    'RFC 7523, 3',
    'takes no assertion that could be used again unseen',
    async (op) => expectRefused(await pushWith(op, { jti: undefined }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-clock-ahead',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes an assertion of a client whose clock is eight seconds ahead',
    async (op) => expect((await pushWith(op, { iat: now() + 8, nbf: now() + 8 })).status).to.equal(201),
    refuses('/par', 'invalid_client'),
  ),
  check(
    'fapi2-assertion-from-the-future',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes none that is dated more than a minute ahead',
    async (op) =>
      expectRefused(await pushWith(op, { iat: now() + 65, exp: now() + 120 }), 'invalid_client', 401),
    accepts('/par'),
  ),
  check(
    'fapi2-assertion-once',
    'RFC 7523, 3',
    'takes an assertion once',
    async (op) => {
      const proof = op.asserted(FAPI.id, await op.assertion(FAPI))
      const send = () => op.post('/par', { ...op.request(FAPI).request, ...proof })
      expect((await send()).status).to.equal(201)
      expectRefused(await send(), 'invalid_client', 401)
    },
    accepts('/par'),
  ),
  check(
    'fapi2-denied',
    'RFC 6749, 4.1.2.1',
    'tells the app, with state and issuer, that the person said no',
    async (op) => {
      const { request, answer } = await push(op, FAPI, { prompt: 'consent' })
      const { agent, page } = await open(op, FAPI, answer.json.request_uri)
      const deny = page.forms.findIndex(({ action }) => /\/(abort|cancel|deny)/.test(action))
      const { url } = await agent.submit(page, {}, deny)
      const { error, state, iss } = Object.fromEntries(new URL(url).searchParams)
      expect([error, state, iss]).to.deep.equal(['access_denied', request.state, op.issuer])
    },
    callback('does not say who it is', (params) => params.delete('iss')),
    errs('access_denied'),
  ),
  check(
    'fapi2-no-cors',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'lets no script of another origin read the authorization endpoint',
    async (op) => {
      const asked = { headers: { origin: 'https://app.example', 'access-control-request-method': 'GET' } }
      const { headers } = await op.send('OPTIONS', '/auth', undefined, asked)
      expect(headers.get('access-control-allow-origin')).to.equal(null)
    },
    header('/auth', 'access-control-allow-origin', '*'),
  ),
]
