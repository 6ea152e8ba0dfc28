/**
 * Keys the deployment signs with, in lines: one for each algorithm of tokens, one for cookies. A line has one current
 * key and at most one next; what follows when is in `schedule.ts`, `rotate.ts` and `revoke.ts`.
 *
 * next (published, signs nothing) -> current (signs) -> retiring (published, signs nothing) -> retired (gone)
 */
export const SIGNING_ALGORITHMS = ['ES256', 'RS256', 'PS256', 'EdDSA'] as const
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number]

/** Cookie keys are symmetric and never published; all else is alike. */
export const KEY_LINES = [...SIGNING_ALGORITHMS, 'cookie'] as const
export type KeyLine = (typeof KEY_LINES)[number]

export type KeyState = 'next' | 'current' | 'retiring' | 'retired'

/** Where a key stands: all that the rules know. */
export interface KeyFacts {
  kid: string
  line: KeyLine
  state: KeyState
  /** when the state began, by the database's clock */
  since: Date
}

export interface SigningKey extends KeyFacts {
  /** the private JSON Web Key, or `{ k }` of a cookie key, in memory; the store seals it. Empty once retired. */
  jwk: Record<string, unknown>
}

export type NewSigningKey = Omit<SigningKey, 'since'>

/** What the rules answer with, to be done in this order. */
export type KeyChange =
  | { make: KeyLine; as: 'next' | 'current' }
  | { move: string; to: 'current' | 'retiring' | 'retired' }
