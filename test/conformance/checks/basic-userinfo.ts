/** The userinfo endpoint and the claims it gives for each scope (OpenID Connect Core 1.0, 5). */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import {
  accepts,
  errs,
  header,
  idToken,
  json,
  refuses,
  signedAnswer,
  skipsPages,
  status,
} from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'
import { ES256, WEB } from '../harness/parties.ts'

const claimsFor = async (op: Op, scope: string, more: Record<string, string> = {}) => {
  const { tokens } = await op.signIn(WEB, { scope, ...more })
  return (await op.userinfo(tokens.access_token)).json
}
const loses = (name: string) => json('/userinfo', `keeps ${name} to itself`, (body) => delete body[name])

export const basicUserinfo = [
  check(
    'userinfo-get',
    'OpenID Connect Core 1.0, 5.3.1',
    'answers to GET with the token in the header',
    async (op) => {
      const { status, json } = await op.userinfo((await op.signIn(WEB)).tokens.access_token)
      expect([status, typeof json.sub]).to.deep.equal([200, 'string'])
    },
    refuses('/userinfo'),
  ),
  check(
    'userinfo-post-header',
    'OpenID Connect Core 1.0, 5.3.1',
    'answers to POST with the token in the header',
    async (op) => {
      const { tokens, claims } = await op.signIn(WEB)
      const { json } = await op.post('/userinfo', {}, { bearer: tokens.access_token })
      expect(json.sub).to.equal(claims.sub)
    },
    refuses('/userinfo'),
  ),
  check(
    'userinfo-post-body',
    'RFC 6750, 2.2',
    'answers to POST with the token in the form',
    async (op) => {
      const { tokens, claims } = await op.signIn(WEB)
      const { json } = await op.post('/userinfo', { access_token: tokens.access_token })
      expect(json.sub).to.equal(claims.sub)
    },
    refuses('/userinfo'),
  ),
  check(
    'userinfo-no-query',
    'RFC 9700, 4.3.2',
    'takes no token out of an address',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const { status, json } = await op.get(`/userinfo?access_token=${tokens.access_token}`)
      expect(status).to.be.oneOf([400, 401])
      expect(json).to.not.have.property('sub')
    },
    accepts('/userinfo'),
  ),
  check(
    'userinfo-sub',
    'OpenID Connect Core 1.0, 5.3.2',
    'speaks of the person the ID token is about',
    async (op) => {
      const { tokens, claims } = await op.signIn(WEB)
      expect((await op.userinfo(tokens.access_token)).json.sub).to.equal(claims.sub)
    },
    json('/userinfo', 'speaks of another', (body) => Object.assign(body, { sub: 'another' })),
    idToken('speaks of another', (claims) => Object.assign(claims, { sub: 'another' })),
  ),
  check(
    'userinfo-json',
    'OpenID Connect Core 1.0, 5.3.2',
    'answers with JSON unless the client registered otherwise',
    async (op) => {
      const { headers } = await op.userinfo((await op.signIn(WEB)).tokens.access_token)
      expect(headers.get('content-type')).to.match(/^application\/json(;|$)/)
    },
    header('/userinfo', 'content-type', 'text/plain'),
  ),
  check(
    'userinfo-signed',
    'OpenID Connect Core 1.0, 5.3.2',
    'signs for a client that registered so, with issuer and audience',
    async (op) => {
      const { tokens, claims } = await op.signIn(ES256)
      const { text, headers } = await op.userinfo(tokens.access_token)
      expect(headers.get('content-type')).to.match(/^application\/jwt(;|$)/)
      const { payload } = await op.verify(text, ES256.id)
      expect([payload.iss, payload.sub]).to.deep.equal([op.issuer, claims.sub])
    },
    signedAnswer('/userinfo', 'names another audience', (claims) =>
      Object.assign(claims, { aud: 'another' }),
    ),
    signedAnswer('/userinfo', 'does not sign', (_claims, header) => Object.assign(header, { alg: 'none' })),
  ),
  check(
    'userinfo-no-store',
    'RFC 9700, 4.2',
    'lets nobody keep what it says of people',
    async (op) => {
      const { headers } = await op.userinfo((await op.signIn(WEB)).tokens.access_token)
      expect(headers.get('cache-control')).to.include('no-store')
    },
    header('/userinfo', 'cache-control', 'public'),
  ),
  check(
    'userinfo-no-token',
    'RFC 6750, 3',
    'asks for a token, and says no more than that',
    async (op) => {
      const { status, headers } = await op.get('/userinfo')
      expect(status).to.be.oneOf([400, 401])
      expect(headers.get('www-authenticate')).to.match(/^(Bearer|DPoP) /)
    },
    accepts('/userinfo'),
    header('/userinfo', 'www-authenticate'),
  ),
  check(
    'userinfo-bad-token',
    'RFC 6750, 3.1',
    'refuses a token it never gave, by name',
    async (op) => {
      const { status, headers } = await op.userinfo('x'.repeat(43))
      expect(status).to.equal(401)
      expect(headers.get('www-authenticate')).to.include('error="invalid_token"')
    },
    status('/userinfo', 401, 403),
    errs('invalid_token'),
  ),
  check(
    'userinfo-without-openid',
    'OpenID Connect Core 1.0, 5.3.1',
    'says nothing to a token that was not for OpenID Connect',
    async (op) => {
      const flow = await op.authorize(WEB, { scope: 'email', nonce: undefined })
      const { json } = await op.redeem(WEB, flow)
      expect((await op.userinfo(json.access_token)).status).to.equal(403)
    },
    accepts('/userinfo'),
  ),
  check(
    'userinfo-cors',
    'OpenID Connect Core 1.0, 5.3',
    'lets the app’s own origin read the answer, and no other',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const ask = async (origin: string) =>
        (await op.userinfo(tokens.access_token, { headers: { origin } })).headers.get(
          'access-control-allow-origin',
        )
      expect(await ask('http://localhost:9')).to.equal('http://localhost:9')
      expect(await ask('https://evil.example')).to.equal(null)
    },
    header('/userinfo', 'access-control-allow-origin', '*'),
    header('/userinfo', 'access-control-allow-origin'),
  ),
  check(
    'scope-openid-only',
    'OpenID Connect Core 1.0, 5.4',
    'tells nothing but the subject where nothing else was asked for',
    async (op) => expect(Object.keys(await claimsFor(op, 'openid'))).to.deep.equal(['sub']),
    json('/userinfo', 'tells more', (body) => Object.assign(body, { email: 'ada@example.org' })),
  ),
  check(
    'scope-profile',
    'OpenID Connect Core 1.0, 5.4',
    'tells name and profile for the scope profile, and no address',
    async (op) => {
      const claims = await claimsFor(op, 'openid profile')
      expect(claims).to.include({
        name: 'Ada King',
        given_name: 'Ada',
        family_name: 'King',
        preferred_username: 'ada',
      })
      expect(claims.updated_at).to.be.a('number')
      expect(claims).to.not.have.any.keys('email', 'phone_number', 'address')
    },
    loses('name'),
    json('/userinfo', 'tells the address too', (body) => Object.assign(body, { email: 'ada@example.org' })),
  ),
  check(
    'scope-email',
    'OpenID Connect Core 1.0, 5.4',
    'tells the address, and whether it was proven, for the scope email',
    async (op) =>
      expect(await claimsFor(op, 'openid email')).to.include({
        email: 'ada@example.org',
        email_verified: true,
      }),
    loses('email_verified'),
  ),
  check(
    'scope-phone',
    'OpenID Connect Core 1.0, 5.4',
    'tells the number for the scope phone',
    async (op) =>
      expect(await claimsFor(op, 'openid phone')).to.include({
        phone_number: '+44 20 7946 0000',
        phone_number_verified: true,
      }),
    loses('phone_number'),
  ),
  check(
    'scope-address',
    'OpenID Connect Core 1.0, 5.1.1',
    'tells the postal address as an object for the scope address',
    async (op) =>
      expect((await claimsFor(op, 'openid address')).address).to.include({
        locality: 'London',
        country: 'UK',
      }),
    loses('address'),
    json('/userinfo', 'tells it as a string', (body) => Object.assign(body, { address: 'London' })),
  ),
  check(
    'scope-all',
    'OpenID Connect Core 1.0, 5.4',
    'tells everything when all scopes are asked for',
    async (op) =>
      expect(await claimsFor(op, 'openid profile email address phone')).to.include.all.keys(
        ...['sub', 'name', 'email', 'address', 'phone_number', 'locale'],
      ),
    loses('locale'),
  ),
  check(
    'claims-userinfo',
    'OpenID Connect Core 1.0, 5.5',
    'tells a single claim that was asked for by name',
    async (op) => {
      const claims = JSON.stringify({ userinfo: { name: { essential: true } } })
      const told = await claimsFor(op, 'openid', { claims })
      expect(told.name).to.equal('Ada King')
      expect(told).to.not.have.property('given_name')
    },
    loses('name'),
    json('/userinfo', 'tells the whole profile', (body) => Object.assign(body, { given_name: 'Ada' })),
  ),
  check(
    'claims-id-token',
    'OpenID Connect Core 1.0, 5.5',
    'puts a claim into the ID token that was asked for there',
    async (op) => {
      const claims = JSON.stringify({ id_token: { email: null } })
      expect((await op.signIn(WEB, { scope: 'openid', claims })).claims.email).to.equal('ada@example.org')
    },
    idToken('leaves it out', (claims) => delete claims.email),
  ),
  check(
    'claims-unknown',
    'OpenID Connect Core 1.0, 5.5.1',
    'goes on without a claim it does not know',
    async (op) => {
      const claims = JSON.stringify({ userinfo: { shoe_size: { essential: true } } })
      expect(await claimsFor(op, 'openid', { claims })).to.not.have.property('shoe_size')
    },
    refuses('/auth'),
    json('/userinfo', 'makes one up', (body) => Object.assign(body, { shoe_size: 43 })),
  ),
  check(
    'claims-sub-mismatch',
    'OpenID Connect Core 1.0, 5.5.1',
    'answers for nobody else where one person was asked for by subject',
    async (op) => {
      const claims = JSON.stringify({ id_token: { sub: { value: 'usr_somebody_else' } } })
      const { params } = await op.ask(WEB, { claims, prompt: 'none' }, op.signedInBrowser())
      expect(params.error).to.equal('login_required')
    },
    accepts('/auth'),
    skipsPages,
  ),
  check(
    'claims-malformed',
    'OpenID Connect Core 1.0, 5.5',
    'refuses a claims parameter that is no JSON',
    async (op) =>
      expect((await op.ask(WEB, { claims: '{nonsense' })).params.error).to.equal('invalid_request'),
    accepts('/auth'),
  ),
]
