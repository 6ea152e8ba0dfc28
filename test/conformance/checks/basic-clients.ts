/** Clients that prove themselves, and what they may do with what they were given: refresh, revoke, introspect. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import {
  accepts,
  accessToken,
  errs,
  header,
  idToken,
  json,
  mutation,
  refuses,
  remembers,
} from '../harness/mutations.ts'
import { JWT, OTHER, POST, SPA, WEB } from '../harness/parties.ts'
import { API } from '../harness/world.ts'
import { expectRefused } from './basic-codes.ts'

const code = { grant_type: 'authorization_code', code: 'x', redirect_uri: 'http://localhost:9/callback' }

export const basicClients = [
  check(
    'client-secret-basic',
    'RFC 6749, 2.3.1',
    'takes the secret in the Authorization header',
    async (op) => expect((await op.signIn(WEB)).tokens.access_token).to.be.a('string'),
    refuses('/token', 'invalid_client'),
  ),
  check(
    'client-secret-post',
    'RFC 6749, 2.3.1',
    'takes the secret in the form, from a client that registered so',
    async (op) => expect((await op.signIn(POST)).tokens.access_token).to.be.a('string'),
    refuses('/token', 'invalid_client'),
  ),
  check(
    'client-private-key-jwt',
    'RFC 7523, 2.2',
    'takes an assertion that is signed with the client’s key',
    async (op) => expect((await op.signIn(JWT)).tokens.access_token).to.be.a('string'),
    refuses('/token', 'invalid_client'),
  ),
  check(
    'client-method-as-registered',
    'OpenID Connect Core 1.0, 9',
    'holds a client that registered a key to it: a secret is no proof',
    async (op) => {
      const bySecret = { ...JWT, auth: 'basic' as const, secret: 'anything' }
      expectRefused(await op.as(bySecret, '/token', code), 'invalid_client', 401)
    },
    accepts('/token'),
  ),
  check(
    'client-wrong-secret',
    'RFC 6749, 5.2',
    'refuses a wrong secret with 401 and says which scheme it wants',
    async (op) => {
      const answer = await op.as({ ...WEB, secret: 'wrong' }, '/token', code)
      expectRefused(answer, 'invalid_client', 401)
      expect(answer.headers.get('www-authenticate')).to.match(/^Basic /)
    },
    accepts('/token'),
    header('/token', 'www-authenticate'),
  ),
  check(
    'client-no-secret',
    'RFC 6749, 3.2.1',
    'refuses a confidential client that proves nothing',
    async (op) => expectRefused(await op.as({ ...WEB, auth: 'none' }, '/token', code), 'invalid_client', 401),
    accepts('/token'),
  ),
  check(
    'client-unknown',
    'RFC 6749, 5.2',
    'refuses a client it does not know just as one with a wrong secret',
    async (op) => {
      const unknown = await op.as({ ...WEB, id: 'nobody' }, '/token', code)
      const wrong = await op.as({ ...WEB, secret: 'wrong' }, '/token', code)
      expectRefused(unknown, 'invalid_client', 401)
      expect(unknown.json.error_description).to.equal(wrong.json.error_description)
    },
    accepts('/token'),
  ),
  check(
    'client-two-methods',
    'RFC 6749, 2.3',
    'refuses a client that proves itself in two ways at once',
    async (op) => {
      const { status } = await op.as(WEB, '/token', { ...code, client_id: WEB.id, client_secret: WEB.secret })
      expect(status).to.be.oneOf([400, 401])
    },
    accepts('/token'),
  ),
  check(
    'client-assertion-reuse',
    'RFC 7523, 3',
    'takes an assertion once',
    async (op) => {
      const proof = op.asserted(JWT.id, await op.assertion(JWT))
      const first = await op.post('/introspect', { ...proof, token: 'x' })
      expect(first.status).to.equal(200)
      expectRefused(await op.post('/introspect', { ...proof, token: 'x' }), 'invalid_client', 401)
    },
    mutation('takes it again', (exchange) => {
      if (exchange.url.pathname === '/introspect') exchange.status = 200
    }),
  ),
  check(
    'client-assertion-expired',
    'RFC 7523, 3',
    'takes no assertion that has expired',
    async (op) => {
      const now = Math.floor(Date.now() / 1000)
      const late = await op.assertion(JWT, { iat: now - 600, exp: now - 300 })
      expectRefused(await op.post('/token', { ...code, ...op.asserted(JWT.id, late) }), 'invalid_client', 401)
    },
    accepts('/token'),
  ),
  check(
    'client-assertion-audience',
    'RFC 7523, 3',
    'takes no assertion that was made for another server',
    async (op) => {
      const stolen = await op.assertion(JWT, { aud: 'https://other.example' })
      expectRefused(
        await op.post('/token', { ...code, ...op.asserted(JWT.id, stolen) }),
        'invalid_client',
        401,
      )
    },
    accepts('/token'),
  ),
  check(
    'client-assertion-subject',
    'RFC 7523, 3',
    'takes no assertion in which the client speaks for another',
    async (op) => {
      const posing = await op.assertion(JWT, { sub: WEB.id })
      expectRefused(
        await op.post('/token', { ...code, ...op.asserted(JWT.id, posing), client_id: undefined }),
        'invalid_client',
        401,
      )
    },
    accepts('/token'),
  ),
  check(
    'refresh',
    'RFC 6749, 6',
    'gives a new access token for a refresh token',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const { status, json } = await op.refresh(WEB, tokens.refresh_token)
      expect(status).to.equal(200)
      expect(json.access_token).to.not.equal(tokens.access_token)
    },
    remembers('/token', 'access_token'),
  ),
  check(
    'refresh-id-token',
    'OpenID Connect Core 1.0, 12.2',
    'keeps issuer, subject, audience and the time of the sign-in in the new ID token',
    async (op) => {
      const { tokens, claims } = await op.signIn(WEB, { max_age: '10000' })
      const { json } = await op.refresh(WEB, tokens.refresh_token)
      const { payload } = await op.verify(json.id_token, WEB.id)
      for (const name of ['iss', 'sub', 'aud', 'auth_time'])
        expect(payload[name], name).to.equal(claims[name])
    },
    idToken('changes the time', (claims) => Object.assign(claims, { auth_time: Math.random() })),
  ),
  check(
    'refresh-narrower',
    'RFC 6749, 6',
    'gives less when less is asked for',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const { json } = await op.refresh(WEB, tokens.refresh_token, { scope: 'openid' })
      expect(json.scope).to.equal('openid')
    },
    json('/token', 'gives all', (body) => Object.assign(body, { scope: 'openid email' })),
  ),
  check(
    'refresh-wider',
    'RFC 6749, 6',
    'gives no more than was allowed',
    async (op) => {
      const { tokens } = await op.signIn(WEB, { scope: 'openid' })
      expectRefused(await op.refresh(WEB, tokens.refresh_token, { scope: 'openid email' }), 'invalid_scope')
    },
    accepts('/token'),
    errs('invalid_scope'),
  ),
  check(
    'refresh-other-client',
    'RFC 6749, 10.4',
    'takes a refresh token from the client it was issued to, and from no other',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      expectRefused(await op.refresh(OTHER, tokens.refresh_token), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'refresh-unproven',
    'RFC 6749, 10.4',
    'takes no refresh token of a confidential client without its proof',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      expectRefused(await op.refresh({ ...WEB, auth: 'none' }, tokens.refresh_token), 'invalid_client', 401)
    },
    accepts('/token'),
  ),
  check(
    'refresh-rotates',
    'RFC 9700, 4.14.2',
    'gives a public client another refresh token each time',
    async (op) => {
      const { tokens } = await op.signIn(SPA)
      const { json } = await op.refresh(SPA, tokens.refresh_token)
      expect(json.refresh_token).to.be.a('string').that.is.not.equal(tokens.refresh_token)
    },
    remembers('/token', 'refresh_token'),
  ),
  check(
    'revoke-access-token',
    'RFC 7009, 2',
    'ends an access token that the client gives back',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      expect((await op.as(WEB, '/revoke', { token: tokens.access_token })).status).to.equal(200)
      expect((await op.userinfo(tokens.access_token)).status).to.equal(401)
    },
    accepts('/userinfo'),
    refuses('/revoke'),
  ),
  check(
    'revoke-refresh-token',
    'RFC 7009, 2.1',
    'ends with a refresh token the access tokens that came of it',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      await op.as(WEB, '/revoke', { token: tokens.refresh_token, token_type_hint: 'refresh_token' })
      expectRefused(await op.refresh(WEB, tokens.refresh_token), 'invalid_grant')
      expect((await op.userinfo(tokens.access_token)).status).to.equal(401)
    },
    accepts('/token'),
    accepts('/userinfo'),
  ),
  check(
    'revoke-unknown',
    'RFC 7009, 2.2',
    'says yes to a token it does not know: it is not there, as was asked',
    async (op) => expect((await op.as(WEB, '/revoke', { token: 'nonsense' })).status).to.equal(200),
    refuses('/revoke', 'invalid_token'),
  ),
  check(
    'revoke-other-client',
    'RFC 7009, 2.1',
    'ends no token for another client',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      await op.as(OTHER, '/revoke', { token: tokens.access_token })
      expect((await op.userinfo(tokens.access_token)).status).to.equal(200)
    },
    refuses('/userinfo', 'invalid_token'),
  ),
  check(
    'introspect-active',
    'RFC 7662, 2.2',
    'says of a token that lives whose it is, for what and until when',
    async (op) => {
      const { tokens, claims } = await op.signIn(WEB)
      const { json } = await op.as(WEB, '/introspect', { token: tokens.access_token })
      expect(json).to.include({ active: true, sub: claims.sub, client_id: WEB.id, scope: 'openid email' })
      expect(json.exp).to.be.above(Date.now() / 1000)
    },
    json('/introspect', 'says another name', (body) => Object.assign(body, { sub: 'another' })),
    json('/introspect', 'does not say until when', (body) => delete body.exp),
  ),
  check(
    'introspect-inactive',
    'RFC 7662, 2.2',
    'says of every other that it is not active, and nothing more',
    async (op) =>
      expect((await op.as(WEB, '/introspect', { token: 'nonsense' })).json).to.deep.equal({ active: false }),
    accepts('/introspect'),
    json('/introspect', 'says more', (body) => Object.assign(body, { sub: 'another' })),
  ),
  check(
    'introspect-unproven',
    'RFC 7662, 2.1',
    'answers nobody who does not prove to be a client',
    async (op) => expect((await op.post('/introspect', { token: 'x' })).status).to.be.oneOf([400, 401]),
    accepts('/introspect'),
  ),
  check(
    'introspect-other-client',
    'RFC 7662, 4',
    'tells a client nothing of another’s tokens',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const { json } = await op.as(OTHER, '/introspect', { token: tokens.access_token })
      expect(json).to.deep.equal({ active: false })
    },
    accepts('/introspect'),
  ),
  check(
    'resource-audience',
    'RFC 8707, 2',
    'makes the access token for the API that was named, and says so in it',
    async (op) => {
      const flow = await op.authorize(WEB, { resource: API, scope: 'openid orders:read' })
      const { json } = await op.redeem(WEB, flow, { resource: API })
      const { payload, protectedHeader } = await op.verify(json.access_token, API)
      expect([payload.aud, payload.client_id, protectedHeader.typ]).to.deep.equal([API, WEB.id, 'at+jwt'])
    },
    accessToken('is for another', (claims) => Object.assign(claims, { aud: 'https://evil.example' })),
    accessToken('has another type', (_claims, header) => Object.assign(header, { typ: 'JWT' })),
  ),
  check(
    'resource-unknown',
    'RFC 8707, 2',
    'makes no token for an API it does not know',
    async (op) =>
      expect((await op.ask(WEB, { resource: 'https://unknown.example' })).params.error).to.equal(
        'invalid_target',
      ),
    accepts('/auth'),
    errs('invalid_target'),
  ),
]
