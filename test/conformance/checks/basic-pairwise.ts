/** Subjects that differ from app to app (OpenID Connect Core 1.0, 8.1), and apps that an operator let go without PKCE. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, idToken, json, metadata, mutation, refuses } from '../harness/mutations.ts'
import { EXEMPT, PAIRWISE, PAIRWISE_TOO, WEB } from '../harness/parties.ts'
import { expectRefused } from './basic-codes.ts'
import { register } from './dynamic.ts'

const WITHOUT = { code_challenge: undefined, code_challenge_method: undefined }
const everybody = idToken('calls the person the same everywhere', (claims) =>
  Object.assign(claims, { sub: 'same' }),
)
const anew = idToken('makes up another each time', (claims) =>
  Object.assign(claims, { sub: `${Math.random()}` }),
)

export const basicPairwise = [
  check(
    'pairwise-announced',
    'OpenID Connect Core 1.0, 8',
    'announces pairwise subjects',
    async (op) => {
      const { json: it } = await op.get('/.well-known/openid-configuration')
      expect(it.subject_types_supported).to.include('pairwise')
    },
    metadata('does not', (it) => Object.assign(it, { subject_types_supported: ['public'] })),
  ),
  check(
    'pairwise-differs',
    'OpenID Connect Core 1.0, 8.1',
    'calls a person otherwise for an app that wants it so',
    async (op) => {
      const [open, own] = [await op.signIn(WEB), await op.signIn(PAIRWISE)]
      expect(own.claims.sub).to.be.a('string').that.is.not.equal(open.claims.sub)
    },
    everybody,
  ),
  check(
    'pairwise-stable',
    'OpenID Connect Core 1.0, 8.1',
    'calls a person the same for one app, always',
    async (op) => {
      const [one, two] = [await op.signIn(PAIRWISE), await op.signIn(PAIRWISE, {}, op.browser())]
      expect(one.claims.sub).to.equal(two.claims.sub)
    },
    anew,
  ),
  check(
    'pairwise-sector',
    'OpenID Connect Core 1.0, 8.1',
    'calls a person the same for two apps of one host',
    async (op) => {
      const [one, two] = [await op.signIn(PAIRWISE), await op.signIn(PAIRWISE_TOO)]
      expect(one.claims.sub).to.equal(two.claims.sub)
    },
    anew,
  ),
  check(
    'pairwise-userinfo',
    'OpenID Connect Core 1.0, 5.3.2',
    'calls the person at userinfo as in the ID token',
    async (op) => {
      const { tokens, claims } = await op.signIn(PAIRWISE)
      expect((await op.userinfo(tokens.access_token)).json.sub).to.equal(claims.sub)
    },
    json('/userinfo', 'tells the public subject', (body) => Object.assign(body, { sub: 'usr_public' })),
  ),
  check(
    'pairwise-introspection',
    'OpenID Connect Core 1.0, 8.1',
    'calls the person so in introspection too',
    async (op) => {
      const { tokens, claims } = await op.signIn(PAIRWISE)
      const { json: seen } = await op.as(PAIRWISE, '/introspect', { token: tokens.access_token })
      expect([seen.active, seen.sub]).to.deep.equal([true, claims.sub])
    },
    json('/introspect', 'tells the public subject', (body) => Object.assign(body, { sub: 'usr_public' })),
  ),
  check(
    'pairwise-several-hosts',
    'OpenID Connect Core 1.0, 8.1',
    'registers no pairwise app of several hosts that names no sector',
    async (op) => {
      const redirect_uris = ['https://one.example/cb', 'https://two.example/cb']
      const { status, json: body } = await register(op, { redirect_uris, subject_type: 'pairwise' })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
  check(
    'pkce-exempt-flow',
    'RFC 9700, 2.1.1',
    'signs people in without PKCE where the operator said so, and a nonce was sent',
    async (op) => {
      const flow = await op.authorize(EXEMPT, WITHOUT)
      const { json: body, status, text } = await op.redeem(EXEMPT, flow, { code_verifier: undefined })
      expect(status, text).to.equal(200)
      expect((await op.verify(body.id_token, EXEMPT.id)).payload.nonce).to.equal(flow.request.nonce)
    },
    idToken('loses the nonce', (claims) => delete claims.nonce),
    refuses('/auth'),
  ),
  check(
    'pkce-exempt-needs-nonce',
    'RFC 9700, 2.1.1',
    'begins nothing that neither a challenge nor a nonce protects',
    async (op) => {
      const { params } = await op.ask(EXEMPT, { ...WITHOUT, nonce: undefined }, op.signedInBrowser())
      expect([params.error, params.code]).to.deep.equal(['invalid_request', undefined])
    },
    accepts('/auth'),
  ),
  check(
    'pkce-exempt-keeps-its-word',
    'RFC 7636, 4.6',
    'wants the verifier all the same where a challenge was sent',
    async (op) => {
      const flow = await op.authorize(EXEMPT)
      expectRefused(await op.redeem(EXEMPT, flow, { code_verifier: undefined }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'pkce-exempt-no-downgrade',
    'RFC 9700, 4.8.2',
    'takes no verifier where no challenge was sent: somebody took it out on the way',
    async (op) => {
      const flow = await op.authorize(EXEMPT, WITHOUT)
      expectRefused(await op.redeem(EXEMPT, flow), 'invalid_grant')
    },
    mutation('takes it', (exchange) => {
      if (exchange.url.pathname === '/token' && exchange.status === 400) exchange.status = 200
    }),
  ),
  check(
    'pkce-exempt-not-by-itself',
    'RFC 7591, 5',
    'lets no app exempt itself',
    async (op) => {
      const { status, json: body } = await register(op, { pkce_exempt: true })
      expect([status, body.error]).to.deep.equal([400, 'invalid_client_metadata'])
    },
    accepts('/reg'),
  ),
]
