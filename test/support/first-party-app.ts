/** An app of the operator's own that shows its own forms: pushes, asks, goes on, and exchanges, over HTTP. */
import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import { type Answer, post, type SendOptions } from './protocol.ts'
import { CALLBACK } from './relying-party.ts'

export type Keys = Awaited<ReturnType<typeof generateKeyPair>>

export const newKeys = () => generateKeyPair('ES256', { extractable: true })

/** A DPoP proof (RFC 9449 4.2) for one request. */
export async function proofBy(
  keys: Keys,
  htu: string,
  claims: Record<string, unknown> = {},
): Promise<string> {
  const jwk = await exportJWK(keys.publicKey)
  const iat = Math.floor(Date.now() / 1000)
  return new SignJWT({ jti: randomUUID(), iat, htm: 'POST', htu, ...claims })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
    .sign(keys.privateKey)
}

export class FirstPartyApp {
  readonly issuer: string
  readonly id: string
  readonly options: SendOptions
  verifier = ''
  /** when there are, every request carries a proof */
  keys: Keys | undefined

  constructor(issuer: string, id: string, options: SendOptions = {}) {
    this.issuer = issuer
    this.id = id
    this.options = options
  }

  /** Pushes a request (RFC 9126) and returns its `request_uri`. */
  async push(more: Record<string, string> = {}): Promise<string> {
    this.verifier = oauth.generateRandomCodeVerifier()
    const answer = await this.send('/par', {
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      nonce: 'the-nonce',
      code_challenge: await oauth.calculatePKCECodeChallenge(this.verifier),
      code_challenge_method: 'S256',
      ...more,
    })
    if (answer.status !== 201) throw new Error(`not pushed: ${answer.text}`)
    return answer.json.request_uri
  }

  challenge(fields: Record<string, string>): Promise<Answer> {
    return this.send('/authorize-challenge', fields)
  }

  /** The whole way, for people whose password is enough. */
  async signIn(username: string, password: string, more: Record<string, string> = {}): Promise<Answer> {
    return this.challenge({ request_uri: await this.push(more), username, password })
  }

  exchange(code: string, more: Record<string, string> = {}): Promise<Answer> {
    return this.send('/token', {
      ...more,
      grant_type: 'authorization_code',
      code,
      redirect_uri: CALLBACK,
      code_verifier: this.verifier,
    })
  }

  async send(path: string, fields: Record<string, string>): Promise<Answer> {
    const url = this.issuer + path
    const proof: Record<string, string> = this.keys ? { dpop: await proofBy(this.keys, url) } : {}
    const headers = { ...this.options.headers, ...proof }
    return post(url, { client_id: this.id, ...fields }, { ...this.options, headers })
  }
}
