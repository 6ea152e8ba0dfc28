/** How long a key is in each of its states. All in seconds. */
import type { KeyLine, SigningAlgorithm } from './key.ts'

const MINUTE = 60

/** Verifiers may keep the JWKS for so long without missing a key. */
export const VERIFIERS_CACHE = 10 * MINUTE

/** A node that has not looked yet goes on with the keys it knows: far longer than one needs to. */
const SLOWEST_NODE = MINUTE

/** For clocks of verifiers that are slow, and for what they allow beyond the end. */
const MARGIN = 5 * MINUTE

export interface KeyPolicy {
  /** those that are offered */
  lines: readonly KeyLine[]
  /** after so long as current a key is replaced; 0: never by itself */
  signFor: number
  /** a next key is known to all for so long before it signs */
  publishFor: number
  /** what was signed with a key is looked at for so long after it signed last */
  keepFor: number
}

/** @param longestUse of anything that is signed: tokens, an ID token as a hint, a cookie */
export function keyPolicy(
  algorithms: readonly SigningAlgorithm[],
  signFor: number,
  longestUse: number,
): KeyPolicy {
  return {
    lines: [...algorithms, 'cookie'],
    signFor,
    publishFor: VERIFIERS_CACHE + SLOWEST_NODE,
    keepFor: longestUse + MARGIN,
  }
}
