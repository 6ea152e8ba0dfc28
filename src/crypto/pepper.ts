/** The pepper of passwords: an HMAC under the data key before argon2, and which data key that was. */
import type { KeyedHash } from '../domain/ports.ts'

/** Names the pepper new hashes are made with. 32 bits tell a handful of keys apart and say nothing about them. */
export function pepperId(keyed: KeyedHash): string {
  return nameOf(keyed.digest(ID, ''))
}

/** What argon2 is given. As text: the library hashes any bytes, but verifies only bytes that happen to be UTF-8. */
export function peppered(keyed: KeyedHash, password: string): string {
  return keyed.digest(PEPPER, password).toString('base64url')
}

/** What argon2 was given under the pepper of this id; undefined: it is not here (any more). */
export function pepperedWith(keyed: KeyedHash, id: string, password: string): string | undefined {
  const at = keyed.digests(ID, '').findIndex((digest) => nameOf(digest) === id)
  return keyed.digests(PEPPER, password)[at]?.toString('base64url')
}

const ID = 'password-pepper-id'
const PEPPER = 'password-pepper'

function nameOf(digest: Buffer): string {
  return digest.subarray(0, 4).toString('base64').replace(/=+$/, '')
}
