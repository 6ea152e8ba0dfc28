/**
 * Everything keyed by the deployment's secret: id hashes, sealed columns, derived mail secrets, form tokens.
 * One root secret (OSTIARY_SECRET_KEY), one HKDF-SHA-256 key per purpose (RFC 5869), so no two uses share a key.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyedHash } from '../domain/ports.ts'
import type { AtRest } from '../storage/at-rest.ts'

const VERSION = 1
const IV_BYTES = 12
const TAG_BYTES = 16

export class Keyring implements AtRest, KeyedHash {
  readonly #root: Buffer
  readonly #derived = new Map<string, Buffer>()

  /** @param root at least 32 bytes of secret */
  constructor(root: Buffer) {
    if (root.length < 32) throw new RangeError('the root secret must have at least 32 bytes')
    this.#root = root
  }

  digest(purpose: string, value: string): Buffer {
    return createHmac('sha256', this.#key(`digest:${purpose}`))
      .update(value)
      .digest()
  }

  hashId(kind: string, id: string): Buffer {
    return createHmac('sha256', this.#key('id')).update(kind).update('\0').update(id).digest()
  }

  /** Layout: version (1 byte), IV (12), tag (16), ciphertext. AES-256-GCM with `place` as additional data. */
  seal(place: string, plaintext: string): Buffer {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv('aes-256-gcm', this.#key('seal'), iv).setAAD(Buffer.from(place))
    const body = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.of(VERSION), iv, cipher.getAuthTag(), body])
  }

  open(place: string, sealed: Buffer): string {
    if (sealed[0] !== VERSION) throw new Error(`sealed under an unknown key version (${place})`)
    const iv = sealed.subarray(1, 1 + IV_BYTES)
    const tag = sealed.subarray(1 + IV_BYTES, 1 + IV_BYTES + TAG_BYTES)
    const decipher = createDecipheriv('aes-256-gcm', this.#key('seal'), iv, { authTagLength: TAG_BYTES })
      .setAAD(Buffer.from(place))
      .setAuthTag(tag)
    const body = sealed.subarray(1 + IV_BYTES + TAG_BYTES)
    try {
      return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8')
    } catch (cause) {
      throw new Error(
        `"${place}" cannot be opened: OSTIARY_SECRET_KEY is not the key this database was made with, or the row was changed`,
        { cause },
      )
    }
  }

  #key(label: string): Buffer {
    let key = this.#derived.get(label)
    if (!key) {
      key = Buffer.from(hkdfSync('sha256', this.#root, 'ostiary', `${label}:v${VERSION}`, 32))
      this.#derived.set(label, key)
    }
    return key
  }
}
