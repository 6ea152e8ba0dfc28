/**
 * Hashes that other software made, at rest: sealed, because they know no pepper. A stolen database without the key allows
 * no guessing at them either. The first sign-in replaces each by a hash of our own (`domain/sign-in/service.ts`).
 */
import type { KeyedHash } from '../domain/ports.ts'
import { HashRefused, type PasswordTransfer } from '../domain/users/transfer/fault.ts'
import { readForeign, writeForeign } from './foreign-formats.ts'
import { pepperedWith } from './pepper.ts'
import { parsePhc } from './phc.ts'

/** The keyring: what seals and peppers. */
export type PasswordKeys = KeyedHash & {
  seal(place: string, plaintext: string): Buffer
  open(place: string, sealed: Buffer): string
}

const PLACE = 'passwords.phc'
const PREFIX = '$sealed$'

/** `$sealed$v=<data key>$<base64>` */
export function sealForeign(keys: PasswordKeys, text: string): string {
  return `${PREFIX}v=${keys.version}$${keys.seal(PLACE, text).toString('base64')}`
}

/**
 * The foreign hash that is stored so; undefined: it is none.
 * @throws Error when the data key it is sealed under is gone
 */
export function openForeign(keys: PasswordKeys, stored: string): string | undefined {
  if (!stored.startsWith(PREFIX)) return undefined
  return keys.open(PLACE, Buffer.from(stored.slice(stored.lastIndexOf('$') + 1), 'base64'))
}

export class ForeignPasswords implements PasswordTransfer {
  readonly #keys: PasswordKeys

  constructor(keys: PasswordKeys) {
    this.#keys = keys
  }

  take(given: unknown): string {
    const own = typeof given === 'string' ? parsePhc(given) : undefined
    if (own?.keyId === undefined) return sealForeign(this.#keys, writeForeign(readForeign(given)))
    readForeign(own.plain)
    // One of ours, exported with its pepper's name.
    if (pepperedWith(this.#keys, own.keyId, '') !== undefined) return given as string
    throw new HashRefused(
      'the hash was made under a key that is not here',
      'import it into a deployment with the same OSTIARY_SECRET_KEY and data keys, or leave password_hash out',
    )
  }

  give(stored: string): string {
    return openForeign(this.#keys, stored) ?? stored
  }
}
