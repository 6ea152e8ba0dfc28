/** One version of the deployment's master, and the keys derived from it: one for each use (HKDF-SHA-256, RFC 5869). */
import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { open, seal } from './sealing.ts'

/** The version is the first byte of whatever is sealed. */
export const MAX_VERSION = 255
export const MASTER_BYTES = 32

export class DataKey {
  readonly version: number
  readonly #master: Buffer
  readonly #derived = new Map<string, KeyObject>()
  readonly #idKey: KeyObject
  readonly #sealKey: KeyObject

  /** @param master at least 32 bytes of secret */
  constructor(version: number, master: Buffer) {
    if (master.length < MASTER_BYTES)
      throw new RangeError(`a master must have at least ${MASTER_BYTES} bytes`)
    if (!Number.isInteger(version) || version < 1 || version > MAX_VERSION)
      throw new RangeError(`a version is between 1 and ${MAX_VERSION}, not ${version}`)
    this.version = version
    this.#master = master
    this.#idKey = this.#derive('id')
    this.#sealKey = this.#derive('seal')
  }

  hashId(kind: string, id: string): Buffer {
    // On every look-up: a KeyObject and one update take a fifth of the time a Buffer as key does.
    return createHmac('sha256', this.#idKey).update(`${kind}\0${id}`).digest()
  }

  digest(purpose: string, value: string): Buffer {
    let key = this.#derived.get(purpose)
    if (!key) {
      key = this.#derive(`digest:${purpose}`)
      this.#derived.set(purpose, key)
    }
    return createHmac('sha256', key).update(value).digest()
  }

  /** Layout: version (1 byte), then as in `sealing.ts`. */
  seal(place: string, plaintext: string): Buffer {
    return Buffer.concat([Buffer.of(this.version), seal(this.#sealKey, place, Buffer.from(plaintext))])
  }

  /** @throws Error in words when the value was changed, moved or sealed under another master */
  open(place: string, sealed: Buffer): string {
    try {
      return open(this.#sealKey, place, sealed.subarray(1)).toString('utf8')
    } catch (cause) {
      throw new Error(`"${place}" cannot be opened: the row was changed, or comes from another database`, {
        cause,
      })
    }
  }

  #derive(label: string): KeyObject {
    const bytes = hkdfSync('sha256', this.#master, 'ostiary', `${label}:v${this.version}`, 32)
    return createSecretKey(Buffer.from(bytes))
  }
}
