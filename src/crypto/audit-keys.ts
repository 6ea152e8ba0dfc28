/** Signatures over heads of the audit chain: Ed25519 (RFC 8032), with a key of their own that is made at the first one. */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose'
import type { CheckpointKeys, Signature } from '../domain/audit/ledger.ts'
import type { AuditKeyRepository } from '../domain/ports.ts'

export class AuditKeys implements CheckpointKeys {
  /** by kid, newest last */
  #known = new Map<string, KeyObject>()

  async sign(text: string, stored: AuditKeyRepository): Promise<Signature> {
    if (this.#known.size === 0) await this.#load(stored)
    if (this.#known.size === 0) await this.#make(stored)
    const [kid, key] = [...this.#known].at(-1) as [string, KeyObject]
    return { kid, signature: sign(null, Buffer.from(text), key).toString('base64url') }
  }

  async verify(text: string, { kid, signature }: Signature, stored: AuditKeyRepository): Promise<boolean> {
    if (!this.#known.has(kid)) await this.#load(stored)
    const key = this.#known.get(kid)
    return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
  }

  /** The public halves (RFC 8037), for those who check elsewhere. */
  async publicKeys(stored: AuditKeyRepository): Promise<JsonWebKey[]> {
    await this.#load(stored)
    return [...this.#known].map(([kid, key]) => ({
      ...createPublicKey(key).export({ format: 'jwk' }),
      kid,
    }))
  }

  async #load(stored: AuditKeyRepository): Promise<void> {
    const keys = await stored.list()
    this.#known = new Map(
      keys.map(({ kid, jwk }) => [kid, createPrivateKey({ key: jwk as JsonWebKey, format: 'jwk' })]),
    )
  }

  /** Only ever asked by who holds the lock of the chain, so that there is one. */
  async #make(stored: AuditKeyRepository): Promise<void> {
    const { privateKey } = await generateKeyPair('Ed25519', { extractable: true })
    const jwk = await exportJWK(privateKey)
    await stored.add(await calculateJwkThumbprint(jwk), { ...jwk })
    await this.#load(stored)
  }
}

/** Whether a signature is of one of these public keys, for a check without the deployment. */
export function isSignedBy(
  text: string,
  { kid, signature }: Signature,
  keys: readonly JsonWebKey[],
): boolean {
  const key = keys.find((one) => one.kid === kid)
  if (!key) return false
  const publicKey = createPublicKey({ key, format: 'jwk' })
  return verify(null, Buffer.from(text), publicKey, Buffer.from(signature, 'base64url'))
}

/** SHA-256, base64url */
export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
