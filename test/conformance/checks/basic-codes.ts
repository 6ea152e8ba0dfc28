/** The token endpoint: the code is good once, for one client, with one verifier; and how its answer looks. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, errs, header, json, remembers, status } from '../harness/mutations.ts'
import type { Answer } from '../harness/op.ts'
import { OTHER, SPA, WEB } from '../harness/parties.ts'

/** RFC 6749 5.2 */
export function expectRefused(answer: Answer, error: string, status = 400): void {
  expect([answer.status, answer.json.error], answer.text).to.deep.equal([status, error])
  expect(answer.json).to.not.have.any.keys('access_token', 'id_token', 'refresh_token')
}

export const basicCodes = [
  check(
    'basic-code-reuse',
    'RFC 6749, 4.1.2',
    'takes a code once',
    async (op) => {
      const flow = await op.authorize(WEB)
      expect((await op.redeem(WEB, flow)).status).to.equal(200)
      expectRefused(await op.redeem(WEB, flow), 'invalid_grant')
    },
    accepts('/token'),
    errs('invalid_grant'),
  ),
  check(
    'basic-code-reuse-ends-access',
    'RFC 6749, 4.1.2',
    'ends the access token when its code comes a second time',
    async (op) => {
      const flow = await op.authorize(WEB)
      const { json } = await op.redeem(WEB, flow)
      expect((await op.userinfo(json.access_token)).status).to.equal(200)
      await op.redeem(WEB, flow)
      expect((await op.userinfo(json.access_token)).status).to.equal(401)
    },
    accepts('/userinfo'),
  ),
  check(
    'basic-code-reuse-ends-refresh',
    'RFC 6749, 4.1.2',
    'ends the refresh token when its code comes a second time',
    async (op) => {
      const flow = await op.authorize(WEB)
      const { json } = await op.redeem(WEB, flow)
      await op.redeem(WEB, flow)
      expectRefused(await op.refresh(WEB, json.refresh_token), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'basic-code-race',
    'RFC 6749, 4.1.2',
    'gives tokens to one of several who bring a code at the same moment',
    async (op) => {
      const flow = await op.authorize(WEB)
      const answers = await Promise.all([1, 2, 3, 4].map(() => op.redeem(WEB, flow)))
      expect(answers.filter(({ status }) => status === 200).length).to.be.at.most(1)
    },
    accepts('/token'),
  ),
  check(
    'basic-code-other-client',
    'RFC 6749, 5.2',
    'takes a code from the client it was issued to, and from no other',
    async (op) => expectRefused(await op.redeem(OTHER, await op.authorize(WEB)), 'invalid_grant'),
    accepts('/token'),
  ),
  check(
    'basic-code-unknown',
    'RFC 6749, 5.2',
    'takes no code it never gave',
    async (op) => {
      const { request, verifier } = op.request(WEB)
      const params = { code: 'x'.repeat(43) }
      expectRefused(await op.redeem(WEB, { request, verifier, params }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'basic-code-missing',
    'RFC 6749, 5.2',
    'says that the code is missing',
    async (op) =>
      expectRefused(await op.as(WEB, '/token', { grant_type: 'authorization_code' }), 'invalid_request'),
    accepts('/token'),
  ),
  check(
    'basic-code-redirect-mismatch',
    'RFC 6749, 4.1.3',
    'wants the address the code was sent to, even where another is registered too',
    async (op) => {
      const flow = await op.authorize(WEB)
      expectRefused(
        await op.redeem(WEB, flow, { redirect_uri: 'http://localhost:9/second' }),
        'invalid_grant',
      )
    },
    accepts('/token'),
  ),
  check(
    'basic-code-redirect-missing',
    'RFC 6749, 4.1.3',
    'wants the address to be named again',
    async (op) =>
      expect((await op.redeem(WEB, await op.authorize(WEB), { redirect_uri: undefined })).status).to.equal(
        400,
      ),
    accepts('/token'),
  ),
  check(
    'basic-pkce-missing',
    'RFC 7636, 4.4.1',
    'starts no flow without a challenge',
    async (op) => {
      const none = { code_challenge: undefined, code_challenge_method: undefined }
      expect((await op.ask(WEB, none)).params.error).to.equal('invalid_request')
    },
    accepts('/auth'),
  ),
  check(
    'basic-pkce-plain',
    'RFC 9700, 2.1.1',
    'takes no challenge that is the verifier itself',
    async (op) =>
      expect((await op.ask(WEB, { code_challenge_method: 'plain' })).params.error).to.equal(
        'invalid_request',
      ),
    accepts('/auth'),
  ),
  check(
    'basic-pkce-wrong-verifier',
    'RFC 7636, 4.6',
    'gives no tokens for another verifier',
    async (op) =>
      expectRefused(
        await op.redeem(WEB, await op.authorize(WEB), { code_verifier: 'w'.repeat(43) }),
        'invalid_grant',
      ),
    accepts('/token'),
  ),
  check(
    'basic-pkce-no-verifier',
    'RFC 7636, 4.6',
    'gives no tokens without a verifier, to a confidential client either',
    async (op) =>
      expectRefused(
        await op.redeem(WEB, await op.authorize(WEB), { code_verifier: undefined }),
        'invalid_grant',
      ),
    accepts('/token'),
  ),
  check(
    'basic-pkce-public',
    'RFC 7636, 4.6',
    'gives a public client tokens for the right verifier and for no other',
    async (op) => {
      const flow = await op.authorize(SPA)
      expectRefused(await op.redeem(SPA, flow, { code_verifier: 'w'.repeat(43) }), 'invalid_grant')
      expect((await op.redeem(SPA, flow)).status).to.equal(200)
    },
    accepts('/token'),
  ),
  check(
    'basic-pkce-verifier-charset',
    'RFC 7636, 4.1',
    'takes no verifier of fewer than 43 characters',
    async (op) =>
      expect((await op.redeem(WEB, await op.authorize(WEB), { code_verifier: 'short' })).status).to.equal(
        400,
      ),
    accepts('/token'),
  ),
  check(
    'basic-token-no-store',
    'OpenID Connect Core 1.0, 3.1.3.3',
    'lets nobody keep tokens on the way',
    async (op) => expect((await op.signIn(WEB)).answer.headers.get('cache-control')).to.include('no-store'),
    header('/token', 'cache-control', 'private'),
  ),
  check(
    'basic-token-json',
    'RFC 6749, 5.1',
    'answers with JSON',
    async (op) =>
      expect((await op.signIn(WEB)).answer.headers.get('content-type')).to.match(/^application\/json(;|$)/),
    header('/token', 'content-type', 'application/jsonp'),
  ),
  check(
    'basic-token-type',
    'RFC 6749, 5.1',
    'calls the token what it is: Bearer',
    async (op) => expect(String((await op.signIn(WEB)).tokens.token_type).toLowerCase()).to.equal('bearer'),
    json('/token', 'calls it otherwise', (body) => Object.assign(body, { token_type: 'mac' })),
  ),
  check(
    'basic-token-expires-in',
    'RFC 6749, 5.1',
    'says how long the access token lives, and it is at most an hour',
    async (op) => expect((await op.signIn(WEB)).tokens.expires_in).to.be.within(1, 3600),
    json('/token', 'lets it live for a month', (body) => Object.assign(body, { expires_in: 2_592_000 })),
    json('/token', 'does not say', (body) => delete body.expires_in),
  ),
  check(
    'basic-token-unique',
    'RFC 6749, 10.10',
    'makes another access token each time',
    async (op) => {
      const [one, two] = [await op.signIn(WEB), await op.signIn(WEB)]
      expect(one.tokens.access_token).to.not.equal(two.tokens.access_token)
    },
    remembers('/token', 'access_token'),
  ),
  check(
    'basic-token-no-surplus',
    'OpenID Connect Core 1.0, 3.1.3.3',
    'brings an ID token with the access token',
    async (op) => {
      const flow = await op.authorize(WEB)
      const { json } = await op.redeem(WEB, flow)
      expect(json).to.include.all.keys('access_token', 'token_type', 'id_token')
    },
    json('/token', 'brings none', (body) => delete body.id_token),
  ),
  check(
    'basic-grant-type-missing',
    'RFC 6749, 5.2',
    'says that grant_type is missing',
    async (op) => expectRefused(await op.as(WEB, '/token', { code: 'x' }), 'invalid_request'),
    accepts('/token'),
  ),
  check(
    'basic-grant-type-unknown',
    'RFC 6749, 5.2',
    'says that it does not know a grant type',
    async (op) => expectRefused(await op.as(WEB, '/token', { grant_type: 'foo' }), 'unsupported_grant_type'),
    accepts('/token'),
    errs('unsupported_grant_type'),
  ),
  check(
    'basic-token-by-get',
    'RFC 6749, 3.2',
    'takes token requests by POST only',
    async (op) =>
      expect((await op.get('/token?grant_type=authorization_code')).status).to.be.oneOf([404, 405]),
    status('/token', 405, 200),
  ),
  check(
    'basic-token-error-no-store',
    'RFC 6749, 5.2',
    'lets nobody keep refusals either',
    async (op) => {
      const { headers, json } = await op.as(WEB, '/token', { grant_type: 'foo' })
      expect(json.error).to.be.a('string')
      expect(headers.get('cache-control')).to.include('no-store')
    },
    header('/token', 'cache-control', 'private'),
  ),
  check(
    'basic-code-not-a-token',
    'RFC 6750, 3.1',
    'takes no code where an access token belongs',
    async (op) =>
      expect((await op.userinfo(String((await op.authorize(WEB)).params.code))).status).to.equal(401),
    accepts('/userinfo'),
  ),
]
