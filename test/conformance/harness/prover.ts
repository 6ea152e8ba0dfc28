/** The key of an app that binds its tokens to it (RFC 9449), and the proofs it makes: good ones, and wrong in one place. */
import { createHash, randomUUID } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose'

export interface ProofChanges {
  /** the access token it is for */
  ath?: string | undefined
  claims?: Record<string, unknown>
  header?: Record<string, unknown>
}

export class Prover {
  readonly key: CryptoKey
  readonly jwk: JWK
  #nonce: string | undefined

  constructor(key: CryptoKey, jwk: JWK) {
    this.key = key
    this.jwk = jwk
  }

  static async make(): Promise<Prover> {
    const pair = await generateKeyPair('ES256', { extractable: true })
    return new Prover(pair.privateKey, await exportJWK(pair.publicKey))
  }

  thumbprint(): Promise<string> {
    return calculateJwkThumbprint(this.jwk)
  }

  /** Keeps the nonce the server gave; whether there is one. */
  learn(headers: Headers): boolean {
    this.#nonce = headers.get('dpop-nonce') ?? this.#nonce
    return this.#nonce !== undefined
  }

  forgetNonce(): void {
    this.#nonce = undefined
  }

  proof(method: string, url: string, { ath, claims = {}, header = {} }: ProofChanges = {}): Promise<string> {
    const { origin, pathname } = new URL(url)
    const payload = {
      jti: randomUUID(),
      htm: method,
      htu: origin + pathname,
      iat: Math.floor(Date.now() / 1000),
      ...(ath === undefined ? {} : { ath: createHash('sha256').update(ath).digest('base64url') }),
      ...(this.#nonce === undefined ? {} : { nonce: this.#nonce }),
      ...claims,
    }
    return new SignJWT(payload)
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: this.jwk, ...header })
      .sign(this.key)
  }
}
