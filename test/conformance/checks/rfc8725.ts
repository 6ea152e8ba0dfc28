/**
 * Attacks of RFC 8725 (Best Current Practice for JSON Web Tokens): algorithms, weak keys, headers that ask to be
 * followed, and each kind of token where another belongs.
 */
import { deflateRawSync } from 'node:zlib'
import { expect } from 'chai'
import { decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose'
import { check } from '../harness/check.ts'
import { pushSigned, signInBound } from '../harness/fapi.ts'
import { accepts, errs, idToken, mutation } from '../harness/mutations.ts'
import type { Answer, Op } from '../harness/op.ts'
import { FAPI, JWT, LISTENS, SIGNED, WEB } from '../harness/parties.ts'
import { Prover } from '../harness/prover.ts'
import { API } from '../harness/world.ts'
import { expectRefused } from './basic-codes.ts'
import { register } from './dynamic.ts'

const now = () => Math.floor(Date.now() / 1000)
const claimsOf = (op: Op, id: string) => ({
  ...{ iss: id, sub: id, aud: op.issuer, jti: crypto.randomUUID(), iat: now(), exp: now() + 60 },
})
/** A client assertion at an endpoint that has an answer for everybody who proves a client. */
const assert = (op: Op, assertion: string, id = JWT.id): Promise<Answer> =>
  op.post('/introspect', { ...op.asserted(id, assertion), token: 'x' })
const refusedProof = async (answer: Promise<Answer>) => expectRefused(await answer, 'invalid_client', 401)
/** An assertion with the right claims and key, and a header of its own. */
const withHeader = (op: Op, header: Record<string, unknown>) => op.assertion(JWT, {}, header)

const hint = (op: Op, token: string) =>
  op.ask(WEB, { prompt: 'none', id_token_hint: token }, op.signedInBrowser())
async function refusedHint(op: Op, token: string) {
  const { params, page } = await hint(op, token)
  expect(params.error, page.url).to.be.oneOf(['invalid_request', 'login_required'])
}
async function publicKeyOf(op: Op, kty: string): Promise<Uint8Array> {
  const { keys } = (await op.get('/jwks')).json as { keys: { kty: string }[] }
  return new TextEncoder().encode(JSON.stringify(keys.find((key) => key.kty === kty)))
}
async function jwtAccessToken(op: Op): Promise<string> {
  const flow = await op.authorize(WEB, { resource: API, scope: 'openid orders:read' })
  return String((await op.redeem(WEB, flow, { resource: API })).json.access_token)
}
/** Its proof is taken where it should not be. */
const takesProof = mutation('takes it', (exchange) => {
  if (exchange.url.pathname !== '/introspect' || exchange.status !== 401) return
  exchange.status = 200
  exchange.text = '{"active":false}'
})
const keysRefused = ({ status, json, text }: Answer) => {
  expect(status, text).to.equal(400)
  expect(json.error).to.equal('invalid_client_metadata')
}
/** A whole sign-in, then its ID token where something else belongs. */
const idTokenOf = async (op: Op) => String((await op.signIn(WEB)).tokens.id_token)

export const rfc8725 = [
  check(
    'rfc8725-assertion-none',
    'RFC 8725, 3.1',
    'takes no client assertion that is not signed',
    async (op) => refusedProof(assert(op, new UnsecuredJWT(claimsOf(op, JWT.id)).encode())),
    takesProof,
    errs('invalid_client'),
  ),
  check(
    'rfc8725-assertion-hmac-public-key',
    'RFC 8725, 3.1',
    'takes no assertion under HMAC with the client’s public key as the secret',
    async (op) => {
      const { client_id: id, key, jwk } = await appWithKey(op)
      const secret = new TextEncoder().encode(JSON.stringify(jwk))
      const forged = await new SignJWT(claimsOf(op, id)).setProtectedHeader({ alg: 'HS256' }).sign(secret)
      await refusedProof(assert(op, forged, id))
      const right = await op.assertion({ id, key, alg: 'ES256' }, {}, { kid: undefined })
      expect((await assert(op, right, id)).status, 'the control').to.equal(200)
    },
    takesProof,
  ),
  check(
    'rfc8725-hint-none',
    'RFC 8725, 3.1',
    'takes no ID token as a hint that nobody signed',
    async (op) => {
      const { claims } = await op.signIn(WEB)
      await refusedHint(op, new UnsecuredJWT(claims).encode())
    },
    accepts('/auth'),
  ),
  check(
    'rfc8725-hint-hmac-public-key',
    'RFC 8725, 3.1',
    'takes no hint under HMAC with its own public key as the secret',
    async (op) => {
      const { claims, header } = await op.signIn(WEB)
      const secret = await publicKeyOf(op, 'RSA')
      const forged = new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', kid: String(header.kid) })
        .sign(secret)
      await refusedHint(op, await forged)
    },
    accepts('/auth'),
  ),
  check(
    'rfc8725-request-hmac-public-key',
    'RFC 8725, 3.1',
    'takes no request object under HMAC with a public key as the secret',
    async (op) => {
      const { request } = op.request(JWT)
      const secret = await publicKeyOf(op, 'EC')
      const forged = await new SignJWT({ ...claimsOf(op, JWT.id), ...request })
        .setProtectedHeader({ alg: 'HS256' })
        .sign(secret)
      const answer = await op.as(JWT, '/par', { request: forged })
      expect([answer.status, answer.json.request_uri], answer.text).to.deep.equal([400, undefined])
    },
    accepts('/par'),
  ),
  check(
    'rfc8725-proof-hmac',
    'RFC 8725, 3.1',
    'takes no DPoP proof under HMAC',
    async (op) => {
      const { tokens } = await signInBound(op, FAPI)
      const jwk = { kty: 'oct', k: Buffer.from('s'.repeat(32)).toString('base64url') }
      const claims = { jti: crypto.randomUUID(), htm: 'GET', htu: `${op.issuer}/userinfo`, iat: now() }
      const proof = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: jwk as never })
        .sign(new TextEncoder().encode('s'.repeat(32)))
      expect((await op.userinfo(tokens.access_token, { proof })).status).to.be.oneOf([400, 401])
    },
    accepts('/userinfo'),
  ),
  check(
    'rfc8725-id-token-not-symmetric',
    'RFC 8725, 3.1',
    'signs with keys that cannot be confused with a secret',
    async (op) => expect(decodeProtectedHeader(await idTokenOf(op)).alg).to.match(/^(RS|PS|ES)256$|^EdDSA$/),
    idToken('does not sign', (_claims, header) => Object.assign(header, { alg: 'none' })),
  ),
  check(
    'rfc8725-rsa-short',
    'RFC 8725, 3.5',
    'registers no RSA key of fewer than 2048 bits',
    async (op) => {
      const { publicKey } = await crypto.subtle.generateKey(
        {
          name: 'RSASSA-PKCS1-v1_5',
          modulusLength: 1024,
          publicExponent: new Uint8Array([1, 0, 1]),
          hash: 'SHA-256',
        },
        true,
        ['sign', 'verify'],
      )
      const jwk = { ...(await crypto.subtle.exportKey('jwk', publicKey)), alg: 'RS256', use: 'sig' }
      const { key_ops: _, ext: __, ...plain } = jwk
      await unusable(op, plain)
    },
    accepts('/reg'),
  ),
  check(
    'rfc8725-ec-off-curve',
    'RFC 8725, 3.4',
    'takes no proof of an EC key whose point is not on its curve',
    async (op) => {
      const { x } = await exportJWK((await generateKeyPair('ES256', { extractable: true })).publicKey)
      await unusable(op, { kty: 'EC', crv: 'P-256', x, y: x, alg: 'ES256', use: 'sig' })
    },
    accepts('/reg'),
  ),
  check(
    'rfc8725-symmetric-key',
    'RFC 8725, 3.5',
    'registers no shared secret as a key',
    async (op) => keysRefused(await register(op, keyed({ kty: 'oct', k: 'c2VjcmV0' }))),
    accepts('/reg'),
  ),
  check(
    'rfc8725-compressed',
    'RFC 8725, 3.6',
    'opens no compressed token: what is small on the way may be endless inside',
    async (op) => {
      const encode = (value: string | Buffer) => Buffer.from(value).toString('base64url')
      const bomb = deflateRawSync(Buffer.alloc(8 * 1024 * 1024))
      const header = encode(JSON.stringify({ alg: 'dir', enc: 'A256GCM', zip: 'DEF' }))
      const before = performance.now()
      const request = `${header}..${encode('iv')}.${encode(bomb)}.${encode('tag')}`
      const answer = await op.as(JWT, '/par', { client_id: JWT.id, request })
      expect([answer.status, answer.json.request_uri]).to.deep.equal([400, undefined])
      expect(performance.now() - before).to.be.below(2000)
    },
    accepts('/par'),
  ),
  check(
    'rfc8725-kid-injection',
    'RFC 8725, 3.10',
    'reads a kid as a name: no path, no query',
    async (op) => {
      await refusedProof(assert(op, await withHeader(op, { kid: '../../../../dev/null' })))
      await refusedProof(assert(op, await withHeader(op, { kid: "x' or 1=1 --" })))
    },
    takesProof,
  ),
  check(
    'rfc8725-jku',
    'RFC 8725, 3.10',
    'fetches no keys from where a token says they are',
    async (op) => {
      const stolen = await strangersKey()
      const header = { kid: undefined, jku: `${op.world.served.origin}/evil-jku` }
      await refusedProof(assert(op, await op.assertion({ ...JWT, key: stolen.key }, {}, header)))
      expect(op.world.served.hits).to.not.include('/evil-jku')
    },
    takesProof,
  ),
  check(
    'rfc8725-x5u',
    'RFC 8725, 3.10',
    'fetches no certificates from where a token says they are',
    async (op) => {
      const stolen = await strangersKey()
      const header = { kid: undefined, x5u: `${op.world.served.origin}/evil-x5u` }
      await refusedProof(assert(op, await op.assertion({ ...JWT, key: stolen.key }, {}, header)))
      expect(op.world.served.hits).to.not.include('/evil-x5u')
    },
    takesProof,
  ),
  check(
    'rfc8725-embedded-key',
    'RFC 8725, 3.10',
    'believes no key that an assertion brings itself',
    async (op) => {
      const { key, jwk } = await strangersKey()
      await refusedProof(assert(op, await op.assertion({ ...JWT, key }, {}, { kid: undefined, jwk })))
    },
    takesProof,
  ),
  check(
    'rfc8725-crit',
    'RFC 7515, 4.1.11',
    'takes no token with a critical header it does not understand',
    async (op) => {
      const [, body = ''] = (await op.assertion(JWT)).split('.')
      const header = Buffer.from(
        JSON.stringify({ alg: 'ES256', kid: JWT.id, crit: ['exotic'], exotic: 1 }),
      ).toString('base64url')
      const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
      const signed = new TextEncoder().encode(`${header}.${body}`)
      const signature = Buffer.from(
        await crypto.subtle.sign(algorithm, JWT.key as CryptoKey, signed),
      ).toString('base64url')
      await refusedProof(assert(op, `${header}.${body}.${signature}`))
    },
    takesProof,
  ),
  check(
    'rfc8725-assertion-issuer',
    'RFC 8725, 3.8',
    'takes no assertion that another issued for the client',
    async (op) => refusedProof(assert(op, await op.assertion(JWT, { iss: 'https://other.example' }))),
    takesProof,
  ),
  check(
    'rfc8725-assertion-no-audience',
    'RFC 8725, 3.9',
    'takes no assertion that is for nobody',
    async (op) => refusedProof(assert(op, await op.assertion(JWT, { aud: undefined }))),
    takesProof,
  ),
  check(
    'rfc8725-id-token-as-access-token',
    'RFC 8725, 3.12',
    'takes no ID token where an access token belongs',
    async (op) => expect((await op.userinfo(await idTokenOf(op))).status).to.equal(401),
    accepts('/userinfo'),
  ),
  check(
    'rfc8725-refresh-token-as-access-token',
    'RFC 8725, 3.12',
    'takes no refresh token where an access token belongs',
    async (op) =>
      expect((await op.userinfo((await op.signIn(WEB)).tokens.refresh_token)).status).to.equal(401),
    accepts('/userinfo'),
  ),
  check(
    'rfc8725-access-token-as-refresh-token',
    'RFC 8725, 3.12',
    'takes no access token where a refresh token belongs',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      expectRefused(await op.refresh(WEB, tokens.access_token), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'rfc8725-id-token-as-assertion',
    'RFC 8725, 3.12',
    'takes no ID token where a client’s assertion belongs',
    async (op) => {
      const form = op.asserted(JWT.id, String((await op.signIn(JWT)).tokens.id_token))
      await refusedProof(op.post('/introspect', { ...form, client_id: undefined, token: 'x' }))
    },
    takesProof,
  ),
  check(
    'rfc8725-access-token-as-hint',
    'RFC 8725, 3.12',
    'takes no access token where an ID token belongs',
    async (op) => refusedHint(op, await jwtAccessToken(op)),
    accepts('/auth'),
  ),
  check(
    'rfc8725-logout-token-as-hint',
    'RFC 8725, 3.12',
    'takes no logout token where an ID token belongs',
    async (op) => {
      op.world.listener.received.length = 0
      const { agent } = await op.signIn(LISTENS, {}, op.browser())
      await op.signOut(agent)
      const [token] = await op.heard(LISTENS)
      const flow = await op.ask(
        LISTENS,
        { prompt: 'none', id_token_hint: String(token) },
        op.signedInBrowser(),
      )
      expect(flow.params.error, flow.page.url).to.be.oneOf(['invalid_request', 'login_required'])
    },
    accepts('/auth'),
  ),
  check(
    'rfc8725-proof-as-assertion',
    'RFC 8725, 3.12',
    'takes no DPoP proof where a client’s assertion belongs',
    async (op) =>
      refusedProof(assert(op, await (await Prover.make()).proof('POST', `${op.issuer}/introspect`))),
    takesProof,
  ),
  check(
    'rfc8725-assertion-as-request',
    'RFC 8725, 3.12',
    'takes no client assertion where a request belongs',
    async (op) => {
      const answer = await op.as(SIGNED, '/par', { request: await op.assertion(SIGNED) })
      expect([answer.status, answer.json.request_uri], answer.text).to.deep.equal([400, undefined])
    },
    accepts('/par'),
  ),
  check(
    'rfc8725-request-as-assertion',
    'RFC 8725, 3.12',
    'takes no signed request where a client’s assertion belongs',
    async (op) => {
      const { request } = op.request(SIGNED)
      const typed = { typ: 'oauth-authz-req+jwt' }
      const object = await op.assertion(SIGNED, { ...request, sub: undefined, jti: undefined }, typed)
      await refusedProof(assert(op, object, SIGNED.id))
      expect((await pushSigned(op, SIGNED)).answer.status, 'a request it is').to.equal(201)
    },
    takesProof,
  ),
  check(
    'rfc8725-access-token-type',
    'RFC 8725, 3.11',
    'gives each kind of token a type of its own',
    async (op) => {
      const types = [await jwtAccessToken(op), await idTokenOf(op)].map(
        (token) => decodeProtectedHeader(token).typ,
      )
      expect(types[0]).to.equal('at+jwt')
      expect(types[1]).to.not.equal('at+jwt')
    },
    idToken('calls both the same', (_claims, header) => Object.assign(header, { typ: 'at+jwt' })),
  ),
]

const keyed = (jwk: object) => ({ token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [jwk] } })

/** A key that must not be registered. */
async function unusable(op: Op, jwk: object): Promise<void> {
  keysRefused(await register(op, keyed(jwk)))
}

async function strangersKey() {
  const pair = await generateKeyPair('ES256', { extractable: true })
  return { key: pair.privateKey, jwk: await exportJWK(pair.publicKey) }
}

async function appWithKey(op: Op) {
  const { key, jwk } = await strangersKey()
  const { json, text } = await register(op, keyed({ ...jwk, alg: 'ES256', use: 'sig' }))
  expect(json.client_id, text).to.be.a('string')
  return { client_id: String(json.client_id), key, jwk }
}
