/** An app that signs people in by the API: JSON in, JSON out, over HTTP. */
import type { Answer, ProtocolApp } from './protocol.ts'
import { type SendOptions, send, sendJson } from './protocol.ts'
import { PASSWORD } from './relying-party.ts'

type Deployment = Pick<ProtocolApp, 'issuer'>

export const AUTH = '/api/v1/auth'

export function auth(
  { issuer }: Deployment,
  what: string,
  body: Record<string, unknown>,
  options: SendOptions = {},
): Promise<Answer> {
  return sendJson('POST', `${issuer}${AUTH}/${what}`, body, options)
}

/** A request of somebody signed in that has no body. */
export function authAs(
  { issuer }: Deployment,
  bearer: string,
  what: string,
  options: SendOptions = {},
): Promise<Answer> {
  const method = what === 'verify' ? 'GET' : 'POST'
  return send(method, `${issuer}${AUTH}/${what}`, undefined, { bearer, ...options })
}

export interface TokenSet {
  access_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  scope: string
}

/** @throws Error when it is refused */
export async function login(
  app: Deployment,
  email: string,
  password = PASSWORD,
  options: SendOptions = {},
): Promise<TokenSet> {
  const { status, json, text } = await auth(app, 'login', { email, password }, options)
  if (status !== 200) throw new Error(`not signed in: ${status} ${text}`)
  return json
}
