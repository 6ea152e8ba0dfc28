/** FAPI 2.0 Security Profile: tokens that are worth nothing without the key they are bound to (RFC 9449). */
import { expect } from 'chai'
import { exportJWK, generateKeyPair } from 'jose'
import { check } from '../harness/check.ts'
import {
  authorizePushed,
  type Bound,
  redeemBound,
  signInBound,
  userinfo,
  userinfoWith,
} from '../harness/fapi.ts'
import { accepts, errs, header, json, refuses, remembers } from '../harness/mutations.ts'
import type { Answer, Op } from '../harness/op.ts'
import { FAPI, FAPI_OTHER } from '../harness/parties.ts'
import { Prover } from '../harness/prover.ts'
import { expectRefused } from './basic-codes.ts'

const now = () => Math.floor(Date.now() / 1000)

/** Signs in, learns the nonce, then sends a proof to userinfo that is wrong in one place. */
async function wrongProof(
  op: Op,
  changes: Parameters<typeof userinfoWith>[2] | ((bound: Bound) => Parameters<typeof userinfoWith>[2]),
) {
  const bound = await signInBound(op, FAPI)
  expect((await userinfo(op, bound)).status, 'the control').to.equal(200)
  return userinfoWith(op, bound, typeof changes === 'function' ? changes(bound) : changes)
}
const refusedProof = ({ status, headers, text }: Answer) => {
  expect(status, text).to.be.oneOf([400, 401])
  expect(headers.get('www-authenticate') ?? text).to.match(/invalid_dpop_proof|invalid_token/)
}

export const fapi2Tokens = [
  check(
    'fapi2-dpop-required',
    'RFC 9449, 5',
    'gives no tokens without the proof of a key',
    async (op) => {
      const { status, json: body } = await op.redeem(FAPI, await authorizePushed(op, FAPI))
      expect([status, body.access_token]).to.deep.equal([400, undefined])
      expect(body.error).to.be.oneOf(['invalid_dpop_proof', 'invalid_grant', 'invalid_request'])
    },
    accepts('/token'),
  ),
  check(
    'fapi2-dpop-nonce',
    'RFC 9449, 8',
    'asks for a nonce of its own, and gives it',
    async (op) => {
      const flow = await authorizePushed(op, FAPI)
      const {
        status,
        json: body,
        headers,
      } = await op.redeem(FAPI, flow, {}, { dpop: await Prover.make(), once: true })
      expect([status, body.error]).to.deep.equal([400, 'use_dpop_nonce'])
      expect(headers.get('dpop-nonce'))
        .to.be.a('string')
        .that.matches(/^[\w-]+$/)
    },
    errs('use_dpop_nonce', 'invalid_request'),
    header('/token', 'dpop-nonce'),
  ),
  check(
    'fapi2-dpop-nonce-kept-code',
    'RFC 9449, 8',
    'does not use the code up when it asks for a nonce',
    async (op) => {
      const flow = await authorizePushed(op, FAPI)
      const dpop = await Prover.make()
      expect((await op.redeem(FAPI, flow, {}, { dpop, once: true })).status).to.equal(400)
      expect((await op.redeem(FAPI, flow, {}, { dpop })).status).to.equal(200)
    },
    refuses('/token', 'invalid_grant'),
  ),
  check(
    'fapi2-dpop-nonce-made-up',
    'RFC 9449, 8',
    'takes no nonce that it did not give',
    async (op) => {
      const dpop = await Prover.make()
      const flow = await authorizePushed(op, FAPI)
      const proof = await dpop.proof('POST', `${op.issuer}/token`, { claims: { nonce: 'made-up' } })
      expectRefused(await op.redeem(FAPI, flow, {}, { headers: { dpop: proof } }), 'use_dpop_nonce')
    },
    accepts('/token'),
  ),
  check(
    'fapi2-dpop-code-bound',
    'RFC 9449, 10',
    'gives tokens only to the key that the request was pushed with',
    async (op) => {
      const flow = await authorizePushed(op, FAPI, {}, { dpop: await Prover.make() })
      const { status, json: body } = await op.redeem(FAPI, flow, {}, { dpop: await Prover.make() })
      expect([status, body.access_token]).to.deep.equal([400, undefined])
    },
    accepts('/token'),
  ),
  check(
    'fapi2-dpop-jkt',
    'RFC 9449, 10',
    'holds the client to the key it named with dpop_jkt',
    async (op) => {
      const dpop = await Prover.make()
      const flow = await authorizePushed(op, FAPI, { dpop_jkt: await dpop.thumbprint() })
      expect((await op.redeem(FAPI, flow, {}, { dpop: await Prover.make() })).status).to.equal(400)
    },
    accepts('/token'),
  ),
  check(
    'fapi2-dpop-key-named',
    'RFC 9449, 6.2',
    'tells whoever may ask which key a token is bound to',
    async (op) => {
      const { tokens, dpop } = await signInBound(op, FAPI)
      const { json: body } = await op.as(FAPI, '/introspect', { token: tokens.access_token })
      expect(body.cnf).to.deep.equal({ jkt: await dpop.thumbprint() })
      expect(body.token_type).to.equal('DPoP')
    },
    json('/introspect', 'names another', (body) => Object.assign(body, { cnf: { jkt: 'x' } })),
  ),
  check(
    'fapi2-userinfo-bound',
    'RFC 9449, 7.1',
    'answers who proves the key of the token',
    async (op) => {
      const bound = await signInBound(op, FAPI)
      expect((await userinfo(op, bound)).json.sub).to.equal(bound.claims.sub)
    },
    refuses('/userinfo', 'invalid_token'),
    json('/userinfo', 'speaks of another', (body) => Object.assign(body, { sub: 'another' })),
  ),
  check(
    'fapi2-userinfo-as-bearer',
    'RFC 9449, 7.1',
    'takes no bound token as a bearer token',
    async (op) => {
      const { tokens } = await signInBound(op, FAPI)
      expect((await op.userinfo(tokens.access_token)).status).to.equal(401)
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-userinfo-other-key',
    'RFC 9449, 7.1',
    'takes no proof of another key',
    async (op) => {
      const { tokens } = await signInBound(op, FAPI)
      const dpop = await Prover.make()
      expect((await op.userinfo(tokens.access_token, { dpop, ath: tokens.access_token })).status).to.equal(
        401,
      )
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-ath',
    'RFC 9449, 4.3',
    'takes no proof for another token',
    async (op) => refusedProof(await wrongProof(op, { claims: { ath: 'AAAA' } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-no-ath',
    'RFC 9449, 4.3',
    'takes no proof for no token',
    async (op) => refusedProof(await wrongProof(op, { claims: { ath: undefined } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-htm',
    'RFC 9449, 4.3',
    'takes no proof for another method',
    async (op) => refusedProof(await wrongProof(op, { claims: { htm: 'POST' } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-htu',
    'RFC 9449, 4.3',
    'takes no proof for another address',
    async (op) => refusedProof(await wrongProof(op, { claims: { htu: `${op.issuer}/token` } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-typ',
    'RFC 9449, 4.3',
    'takes no token of another kind for a proof',
    async (op) => refusedProof(await wrongProof(op, { header: { typ: 'JWT' } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-no-jwk',
    'RFC 9449, 4.3',
    'takes no proof that does not bring its key',
    async (op) => refusedProof(await wrongProof(op, { header: { jwk: undefined } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-private-jwk',
    'RFC 9449, 4.3',
    'takes no proof that shows its private key',
    async (op) => {
      const { privateKey } = await generateKeyPair('ES256', { extractable: true })
      refusedProof(await wrongProof(op, ({ dpop }) => ({ header: { jwk: { ...dpop.jwk, d: 'AAAA' } } })))
      expect((await exportJWK(privateKey)).d, 'what a private key looks like').to.be.a('string')
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-no-jti',
    'RFC 9449, 4.3',
    'takes no proof that could be used again unseen',
    async (op) => refusedProof(await wrongProof(op, { claims: { jti: undefined } })),
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-once',
    'RFC 9449, 11.1',
    'takes a proof once',
    async (op) => {
      const bound = await signInBound(op, FAPI)
      await userinfo(op, bound)
      const proof = await bound.dpop.proof('GET', `${op.issuer}/userinfo`, { ath: bound.tokens.access_token })
      expect((await userinfo(op, bound, { proof })).status).to.equal(200)
      refusedProof(await op.userinfo(bound.tokens.access_token, { proof }))
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-proof-other-signature',
    'RFC 9449, 4.3',
    'takes no proof that is signed with another key than it shows',
    async (op) => {
      const other = await Prover.make()
      refusedProof(await wrongProof(op, () => ({ header: { jwk: other.jwk } })))
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-code-once',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes a code once',
    async (op) => {
      const bound = await signInBound(op, FAPI)
      expectRefused(await op.redeem(FAPI, bound, {}, { dpop: bound.dpop }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'fapi2-code-reuse-ends-tokens',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'ends the tokens when their code comes again',
    async (op) => {
      const bound = await signInBound(op, FAPI)
      expect((await userinfo(op, bound)).status).to.equal(200)
      await op.redeem(FAPI, bound, {}, { dpop: bound.dpop })
      expect((await userinfo(op, bound)).status).to.equal(401)
    },
    accepts('/userinfo'),
  ),
  check(
    'fapi2-code-other-client',
    'RFC 6749, 5.2',
    'takes a code from the client it was issued to',
    async (op) => {
      const dpop = await Prover.make()
      const flow = await authorizePushed(op, FAPI, {}, { dpop })
      expectRefused(await op.redeem(FAPI_OTHER, flow, {}, { dpop }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'fapi2-code-verifier',
    'FAPI 2.0 Security Profile, 5.3.2.2',
    'takes a code with its verifier and with no other',
    async (op) => {
      const dpop = await Prover.make()
      const flow = await authorizePushed(op, FAPI, {}, { dpop })
      expectRefused(await op.redeem(FAPI, flow, { code_verifier: 'w'.repeat(43) }, { dpop }), 'invalid_grant')
      expect((await redeemBound(op, FAPI, flow, dpop)).tokens.access_token).to.be.a('string')
    },
    accepts('/token'),
  ),
  check(
    'fapi2-access-token-lifetime',
    'FAPI 2.0 Security Profile, 5.3.2',
    'makes access tokens that live for an hour at most',
    async (op) => expect((await signInBound(op, FAPI)).tokens.expires_in).to.be.within(1, 3600),
    json('/token', 'lets them live for a week', (body) => Object.assign(body, { expires_in: 604_800 })),
  ),
  check(
    'fapi2-refresh-kept',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'does not rotate refresh tokens',
    async (op) => {
      const { tokens, dpop } = await signInBound(op, FAPI)
      const { status, json: body } = await op.refresh(FAPI, tokens.refresh_token, {}, { dpop })
      expect(status).to.equal(200)
      expect(body.refresh_token ?? tokens.refresh_token).to.equal(tokens.refresh_token)
      expect(body.access_token).to.not.equal(tokens.access_token)
    },
    json(
      '/token',
      'rotates them',
      (body, { form }) =>
        form.get('grant_type') === 'refresh_token' && Object.assign(body, { refresh_token: 'another' }),
    ),
    remembers('/token', 'access_token'),
  ),
  check(
    'fapi2-refresh-unbound',
    'RFC 9449, 5',
    'gives no new token without the proof of a key',
    async (op) => {
      const { tokens } = await signInBound(op, FAPI)
      expect((await op.refresh(FAPI, tokens.refresh_token)).status).to.equal(400)
    },
    accepts('/token'),
  ),
  check(
    'fapi2-refresh-other-client',
    'RFC 6749, 6',
    'takes a refresh token from the client it was issued to',
    async (op) => {
      const { tokens, dpop } = await signInBound(op, FAPI)
      expectRefused(await op.refresh(FAPI_OTHER, tokens.refresh_token, {}, { dpop }), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'fapi2-proof-clock-ahead',
    'FAPI 2.0 Security Profile, 5.3.2.1',
    'takes the proof of a client whose clock is eight seconds ahead',
    async (op) => expect((await wrongProof(op, { claims: { iat: now() + 8 } })).status).to.equal(200),
    refuses('/userinfo', 'invalid_dpop_proof'),
  ),
]
