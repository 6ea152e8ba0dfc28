/**
 * The secrets of a mail, derived and never stored: link token and 6-digit code are keyed hashes of the proof's id.
 * A retried mail therefore carries the same secrets, and a stolen database holds none of them.
 */
import type { KeyedHash } from '../ports.ts'

export const CODE_LENGTH = 6

/** `<proofId>.<mac>`: the id finds the proof, the MAC shows that we sent it. */
export function linkToken(keyed: KeyedHash, proofId: string): string {
  return `${proofId}.${keyed.digest('mail-link', proofId).toString('base64url')}`
}

/** The proof's id when the token is one of ours, else undefined. */
export function proofIdOf(keyed: KeyedHash, token: string): string | undefined {
  const proofId = token.slice(0, Math.max(0, token.lastIndexOf('.')))
  return proofId !== '' && sameSecret(keyed, linkToken(keyed, proofId), token) ? proofId : undefined
}

export function codeOf(keyed: KeyedHash, proofId: string): string {
  // 48 bits before the remainder: the bias towards low codes is below 1 in 10^8
  const number = keyed.digest('mail-code', proofId).readUIntBE(0, 6) % 10 ** CODE_LENGTH
  return String(number).padStart(CODE_LENGTH, '0')
}

/** People paste codes with spaces or a dash. `undefined`: not a code at all. */
export function tidyCode(input: string): string | undefined {
  const digits = input.replace(/[\s-]/g, '')
  return /^\d{6}$/.test(digits) ? digits : undefined
}

/** Comparison whose time says nothing: both sides are hashed under a key before they are compared. */
export function sameSecret(keyed: KeyedHash, expected: string, given: string): boolean {
  return keyed.digest('compare', expected).equals(keyed.digest('compare', given))
}
