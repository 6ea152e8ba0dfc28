/** OSTIARY_SECRET_KEY as what it is used for: it wraps the data keys, and touches nothing else. */
import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import { open, seal } from './sealing.ts'

export class KeyEncryptionKey {
  /** tells key-encryption keys apart and says nothing about them */
  readonly id: string
  readonly #key: KeyObject

  /** @param root at least 32 bytes of secret */
  constructor(root: Buffer) {
    const derive = (label: string, bytes: number) =>
      Buffer.from(hkdfSync('sha256', root, 'ostiary', `key-encryption:${label}`, bytes))
    this.id = derive('id', 6).toString('hex')
    this.#key = createSecretKey(derive('key', 32))
  }

  wrap(version: number, master: Buffer): Buffer {
    return seal(this.#key, placeOf(version), master)
  }

  /** @throws Error in words when it was wrapped under another key, or the row was changed */
  unwrap(version: number, wrapped: Buffer): Buffer {
    try {
      return open(this.#key, placeOf(version), wrapped)
    } catch (cause) {
      throw new Error(`data key ${version} cannot be unwrapped: its row in data_keys was changed`, { cause })
    }
  }
}

function placeOf(version: number): string {
  return `data_keys|${version}|1`
}
