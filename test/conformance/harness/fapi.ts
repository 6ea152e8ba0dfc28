/** A relying party of the FAPI 2.0 profiles: pushes its requests, proves keys, signs what the profile wants signed. */
import { expect } from 'chai'
import { type JWTPayload, SignJWT } from 'jose'
import type { Answer, Flow, Op, SendOptions, SignedIn } from './op.ts'
import type { Party } from './parties.ts'
import { Prover } from './prover.ts'

type Changes = Record<string, string | undefined>

export interface Bound extends SignedIn {
  dpop: Prover
}

/** Pushes a request, with the proof of a key unless told otherwise. */
export async function push(op: Op, party: Party, changes: Changes = {}, options: SendOptions = {}) {
  const { request, verifier } = op.request(party, changes)
  const answer = await op.as(party, '/par', request, options)
  return { request, verifier, answer }
}

/** Opens a pushed request in a browser that Ada is signed in with. */
export async function open(op: Op, party: Pick<Party, 'id'>, requestUri: string, more: Changes = {}) {
  const agent = op.signedInBrowser()
  const query = new URLSearchParams({
    client_id: party.id,
    request_uri: requestUri,
    ...(more as Record<string, string>),
  })
  const page = await agent.get(`${op.issuer}/auth?${query}`)
  return { agent, page }
}

export async function authorizePushed(
  op: Op,
  party: Party,
  changes: Changes = {},
  options: SendOptions = {},
): Promise<Flow> {
  const { request, verifier, answer } = await push(op, party, changes, options)
  expect(answer.status, answer.text).to.equal(201)
  const { agent, page } = await open(op, party, answer.json.request_uri)
  return op.walk({ request, verifier, agent, page, params: {} })
}

/** From the pushed request to tokens that are bound to a key. */
export async function signInBound(op: Op, party: Party, changes: Changes = {}): Promise<Bound> {
  const dpop = await Prover.make()
  const flow = await authorizePushed(op, party, changes, { dpop })
  return redeemBound(op, party, flow, dpop)
}

export async function redeemBound(op: Op, party: Party, flow: Flow, dpop: Prover): Promise<Bound> {
  const answer = await op.redeem(party, flow, {}, { dpop })
  expect(answer.status, `${answer.text} for ${JSON.stringify(flow.params)}`).to.equal(200)
  const { payload, protectedHeader } = await op.verify(String(answer.json.id_token), party.id)
  return { ...flow, dpop, answer, tokens: answer.json, claims: payload, header: protectedHeader }
}

export const userinfo = (op: Op, { tokens, dpop }: Bound, options: SendOptions = {}): Promise<Answer> =>
  op.userinfo(tokens.access_token, { dpop, ath: tokens.access_token, ...options })

/** A proof for userinfo that is wrong in one place, and sent as it is. */
export async function userinfoWith(
  op: Op,
  { tokens, dpop }: Bound,
  changes: { claims?: Record<string, unknown>; header?: Record<string, unknown> },
): Promise<Answer> {
  const url = `${op.issuer}/userinfo`
  const proof = await dpop.proof('GET', url, { ath: tokens.access_token, ...changes })
  return op.userinfo(tokens.access_token, { proof })
}

/** RFC 9101, as FAPI 2.0 Message Signing 5.3 wants it. */
export function requestObject(
  op: Op,
  party: Party,
  request: Record<string, string>,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key = party.key as CryptoKey,
): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({
    iss: party.id,
    aud: op.issuer,
    iat: now,
    nbf: now,
    exp: now + 60,
    ...request,
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', kid: party.id, typ: 'oauth-authz-req+jwt', ...header })
    .sign(key)
}

/** Pushes a signed request. */
export async function pushSigned(
  op: Op,
  party: Party,
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  options: SendOptions & { key?: CryptoKey; beside?: Changes } = {},
) {
  const { request, verifier } = op.request(party, { response_mode: 'jwt' })
  const { key, beside = {}, ...send } = options
  const signed = await requestObject(op, party, request, claims, header, key)
  const answer = await op.as(party, '/par', { request: signed, ...beside }, send)
  return { request, verifier, answer }
}

export interface SignedAnswer extends Flow {
  payload: JWTPayload
  header: Record<string, unknown>
}

/** A signed request to its signed answer, opened: `params` are those of the answer. */
export async function authorizeSigned(
  op: Op,
  party: Party,
  options: SendOptions = {},
): Promise<SignedAnswer> {
  const { request, verifier, answer } = await pushSigned(op, party, {}, {}, options)
  expect(answer.status, answer.text).to.equal(201)
  const { agent, page } = await open(op, party, answer.json.request_uri)
  const flow = await op.walk({ request, verifier, agent, page, params: {} })
  expect(Object.keys(flow.params), flow.page.url).to.deep.equal(['response'])
  const { payload, protectedHeader } = await op.verify(String(flow.params.response), party.id)
  return { ...flow, payload, header: { ...protectedHeader }, params: payload as Record<string, string> }
}
