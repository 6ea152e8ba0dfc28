/** FAPI 2.0 Message Signing: signed requests (RFC 9101), signed answers (JARM) and signed introspection (RFC 9701). */
import { expect } from 'chai'
import { generateKeyPair, UnsecuredJWT } from 'jose'
import { check } from '../harness/check.ts'
import { authorizeSigned, open, push, pushSigned, redeemBound } from '../harness/fapi.ts'
import {
  accepts,
  callback,
  errs,
  header,
  idToken,
  jarm,
  refuses,
  signedAnswer,
} from '../harness/mutations.ts'
import type { Answer, Op } from '../harness/op.ts'
import { FAPI, SIGNED } from '../harness/parties.ts'
import { Prover } from '../harness/prover.ts'

const now = () => Math.floor(Date.now() / 1000)
const refused = ({ status, json }: Answer) => {
  expect(status, JSON.stringify(json)).to.equal(400)
  expect(json.error).to.be.oneOf(['invalid_request_object', 'invalid_request'])
  expect(json).to.not.have.property('request_uri')
}
/** A request object that is wrong in one place. */
const wrongly = async (op: Op, claims: Record<string, unknown>, head: Record<string, unknown> = {}) =>
  refused((await pushSigned(op, SIGNED, claims, head)).answer)

async function introspected(op: Op) {
  const dpop = await Prover.make()
  const bound = await redeemBound(op, SIGNED, await authorizeSigned(op, SIGNED, { dpop }), dpop)
  const accept = { accept: 'application/token-introspection+jwt' }
  const answer = await op.as(SIGNED, '/introspect', { token: bound.tokens.access_token }, { headers: accept })
  return { bound, answer }
}

export const messageSigning = [
  check(
    'signing-flow',
    'FAPI 2.0 Message Signing, 5',
    'leads from a signed request over a signed answer to tokens',
    async (op) => {
      const dpop = await Prover.make()
      const flow = await authorizeSigned(op, SIGNED, { dpop })
      const { claims } = await redeemBound(op, SIGNED, flow, dpop)
      expect([claims.aud, claims.nonce]).to.deep.equal([SIGNED.id, flow.request.nonce])
    },
    idToken('loses the nonce', (claims) => delete claims.nonce),
    refuses('/par'),
  ),
  check(
    'signing-request-required',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request that is not signed',
    async (op) => refused((await push(op, SIGNED)).answer),
    accepts('/par'),
  ),
  check(
    'signing-request-none',
    'RFC 9101, 10.2',
    'takes no request object with the algorithm none',
    async (op) => {
      const { request } = op.request(SIGNED, { response_mode: 'jwt' })
      const unsigned = new UnsecuredJWT({
        ...request,
        iss: SIGNED.id,
        aud: op.issuer,
        nbf: now(),
        exp: now() + 60,
      }).encode()
      refused(await op.as(SIGNED, '/par', { request: unsigned }))
    },
    accepts('/par'),
  ),
  check(
    'signing-request-other-key',
    'RFC 9101, 6.2',
    'takes no request object that is signed by somebody else',
    async (op) => {
      const { privateKey: key } = await generateKeyPair('ES256')
      refused((await pushSigned(op, SIGNED, {}, {}, { key })).answer)
    },
    accepts('/par'),
    errs('invalid_request_object', 'invalid_client'),
  ),
  check(
    'signing-request-other-client',
    'RFC 9101, 5',
    'takes no request object that another client signed',
    async (op) => {
      const key = FAPI.key as CryptoKey
      refused((await pushSigned(op, SIGNED, {}, { kid: FAPI.id }, { key })).answer)
    },
    accepts('/par'),
  ),
  check(
    'signing-request-rs256',
    'FAPI 2.0 Security Profile, 5.4.1',
    'takes no request object signed with RS256',
    async (op) => {
      const { privateKey: key } = await generateKeyPair('RS256')
      refused((await pushSigned(op, SIGNED, {}, { alg: 'RS256' }, { key })).answer)
    },
    accepts('/par'),
  ),
  check(
    'signing-request-aud',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object for another server',
    async (op) => wrongly(op, { aud: 'https://other.example' }),
    accepts('/par'),
  ),
  check(
    'signing-request-no-aud',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object for nobody',
    async (op) => wrongly(op, { aud: undefined }),
    accepts('/par'),
  ),
  check(
    'signing-request-iss',
    'RFC 9101, 5',
    'takes no request object in another’s name',
    async (op) => wrongly(op, { iss: FAPI.id }),
    accepts('/par'),
  ),
  check(
    'signing-request-client-id',
    'RFC 9101, 5',
    'takes no request object about another client',
    async (op) => wrongly(op, { client_id: FAPI.id }),
    accepts('/par'),
  ),
  check(
    'signing-request-expired',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object after its time',
    async (op) => wrongly(op, { nbf: now() - 600, iat: now() - 600, exp: now() - 300 }),
    accepts('/par'),
  ),
  check(
    'signing-request-no-exp',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object that is good for ever',
    async (op) => wrongly(op, { exp: undefined }),
    accepts('/par'),
  ),
  check(
    'signing-request-no-nbf',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object that does not say from when it is good',
    async (op) => wrongly(op, { nbf: undefined }),
    accepts('/par'),
  ),
  check(
    'signing-request-nbf-old',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object that was made more than an hour ago',
    async (op) => wrongly(op, { nbf: now() - 4200, iat: now() - 4200 }),
    accepts('/par'),
  ),
  check(
    'signing-request-nbf-ahead',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes the request object of a client whose clock is eight seconds ahead',
    async (op) =>
      expect((await pushSigned(op, SIGNED, { nbf: now() + 8, iat: now() + 8 })).answer.status).to.equal(201),
    refuses('/par', 'invalid_request_object'),
  ),
  check(
    'signing-request-exp-far',
    'FAPI 2.0 Message Signing, 5.3.1',
    'takes no request object that is good for more than an hour',
    async (op) => wrongly(op, { exp: now() + 4200 }),
    accepts('/par'),
  ),
  check(
    'signing-request-nothing-beside',
    'RFC 9101, 6.3',
    'uses only what was signed, whatever was sent beside it',
    async (op) => {
      const beside = { state: 'beside' }
      const { answer, request, verifier } = await pushSigned(op, SIGNED, {}, {}, { beside })
      expect(answer.status, answer.text).to.equal(201)
      const opened = await open(op, SIGNED, answer.json.request_uri)
      const { params } = await op.walk({ ...opened, request, verifier, params: {} })
      const { payload } = await op.verify(String(params.response), SIGNED.id)
      expect(payload.state).to.equal(request.state)
    },
    jarm('uses what was beside', (claims) => Object.assign(claims, { state: 'beside' })),
  ),
  check(
    'signing-request-nested',
    'RFC 9101, 4',
    'takes no request object within a request object',
    async (op) => wrongly(op, { request: 'eyJ' }),
    accepts('/par'),
  ),
  check(
    'signing-request-uri-nested',
    'RFC 9101, 4',
    'takes no reference within a request object',
    async (op) => wrongly(op, { request_uri: 'https://evil.example/jwt' }),
    accepts('/par'),
  ),
  check(
    'signing-answer',
    'JARM, 2.1',
    'puts the whole answer into one signed token',
    async (op) => {
      const { params, request } = await authorizeSigned(op, SIGNED)
      expect(params).to.include.all.keys('iss', 'aud', 'exp', 'code', 'state')
      expect(params.state).to.equal(request.state)
    },
    callback('repeats the code beside it', (params) => params.set('code', 'x')),
    jarm('loses state', (claims) => delete claims.state),
  ),
  check(
    'signing-answer-iss',
    'JARM, 2.1',
    'says in the answer who gives it',
    async (op) => expect((await authorizeSigned(op, SIGNED)).payload.iss).to.equal(op.issuer),
    jarm('names another', (claims) => Object.assign(claims, { iss: 'https://evil.example' })),
  ),
  check(
    'signing-answer-aud',
    'JARM, 2.1',
    'gives the answer to the client alone',
    async (op) => expect((await authorizeSigned(op, SIGNED)).payload.aud).to.equal(SIGNED.id),
    jarm('gives it to others too', (claims) => Object.assign(claims, { aud: [SIGNED.id, 'evil'] })),
  ),
  check(
    'signing-answer-exp',
    'JARM, 2.1',
    'lets the answer die within ten minutes',
    async (op) =>
      expect(Number((await authorizeSigned(op, SIGNED)).payload.exp)).to.be.within(now(), now() + 600),
    jarm('lets it live', (claims) => Object.assign(claims, { exp: now() + 86_400 })),
    jarm('does not let it die', (claims) => delete claims.exp),
  ),
  check(
    'signing-answer-alg',
    'FAPI 2.0 Security Profile, 5.4.1',
    'signs the answer with PS256, ES256 or EdDSA',
    async (op) =>
      expect((await authorizeSigned(op, SIGNED)).header.alg).to.be.oneOf([
        'PS256',
        'ES256',
        'EdDSA',
        'Ed25519',
      ]),
    jarm('signs with RS256', (_claims, head) => Object.assign(head, { alg: 'RS256' })),
  ),
  check(
    'signing-answer-refusal',
    'JARM, 2.1',
    'signs refusals too',
    async (op) => {
      const { answer } = await pushSigned(op, SIGNED, { prompt: 'none', max_age: '0' })
      const { page } = await open(op, SIGNED, answer.json.request_uri)
      const { payload } = await op.verify(String(new URL(page.url).searchParams.get('response')), SIGNED.id)
      expect([payload.error, payload.code]).to.deep.equal(['login_required', undefined])
    },
    jarm('says yes', (claims) => delete claims.error),
    callback('does not sign them', (params) => {
      if (!params.has('response')) return
      params.delete('response')
      params.set('error', 'login_required')
    }),
  ),
  check(
    'signing-answer-plain',
    'FAPI 2.0 Message Signing, 5.4.2',
    'gives no unsigned answer, though it is asked for',
    async (op) => refused((await pushSigned(op, SIGNED, { response_mode: 'query' })).answer),
    accepts('/par'),
  ),
  check(
    'signing-introspection',
    'RFC 9701, 5',
    'signs what it says of a token, for whoever asked',
    async (op) => {
      const { answer, bound } = await introspected(op)
      const { payload } = await op.verify(answer.text, SIGNED.id)
      expect(payload.token_introspection).to.include({ active: true, sub: bound.claims.sub })
    },
    signedAnswer('/introspect', 'gives it to others', (claims) => Object.assign(claims, { aud: 'evil' })),
    signedAnswer('/introspect', 'says that the token is dead', (claims) =>
      Object.assign(claims, { token_introspection: { active: false } }),
    ),
  ),
  check(
    'signing-introspection-type',
    'RFC 9701, 5',
    'says by type what that token is, so that it is taken for no other',
    async (op) => {
      const { answer } = await introspected(op)
      expect(answer.headers.get('content-type')).to.match(/^application\/token-introspection\+jwt/)
      const { protectedHeader } = await op.verify(answer.text, SIGNED.id)
      expect(protectedHeader.typ).to.equal('token-introspection+jwt')
    },
    signedAnswer('/introspect', 'calls it a JWT', (_claims, head) => Object.assign(head, { typ: 'JWT' })),
    header('/introspect', 'content-type', 'application/jwt'),
  ),
]
