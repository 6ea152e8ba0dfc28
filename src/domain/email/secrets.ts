/**
 * The secrets of a mail, derived and never stored: link token and 6-digit code are keyed hashes of the proof's id.
 * A retried mail therefore carries the same secrets, and a stolen database holds none of them.
 */
import type { KeyedHash } from '../ports.ts'

export const CODE_LENGTH = 6
/** No mail is good for longer. */
const MAIL_SECONDS = 86_400

/** `<proofId>.<mac>`: the id finds the proof, the MAC shows that we sent it. */
export function linkToken(keyed: KeyedHash, proofId: string): string {
  return `${proofId}.${keyed.digest('mail-link', proofId).toString('base64url')}`
}

/** The proof's id when the token is one of ours, also one made before the key was changed; else undefined. */
export function proofIdOf(keyed: KeyedHash, token: string): string | undefined {
  const dot = Math.max(0, token.lastIndexOf('.'))
  const [proofId, mac] = [token.slice(0, dot), token.slice(dot + 1)]
  return proofId !== '' && sameDigest(keyed, keyed.digests('mail-link', proofId, MAIL_SECONDS), mac)
    ? proofId
    : undefined
}

export function codeOf(keyed: KeyedHash, proofId: string): string {
  return codeFrom(keyed.digest('mail-code', proofId))
}

/** Whether it is the code of this proof. For a day after the key was changed there are two: guessing is twice as easy. */
export function isCodeOf(keyed: KeyedHash, proofId: string, given: string): boolean {
  const codes = keyed.digests('mail-code', proofId, MAIL_SECONDS).map(codeFrom)
  return codes.filter((code) => sameSecret(keyed, code, given)).length > 0
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

/** Whether `given` (base64url) is one of the digests. */
export function sameDigest(keyed: KeyedHash, digests: readonly Buffer[], given: string): boolean {
  return digests.some((digest) => sameSecret(keyed, digest.toString('base64url'), given))
}

function codeFrom(digest: Buffer): string {
  // 48 bits before the remainder: the bias towards low codes is below 1 in 10^8
  return String(digest.readUIntBE(0, 6) % 10 ** CODE_LENGTH).padStart(CODE_LENGTH, '0')
}
