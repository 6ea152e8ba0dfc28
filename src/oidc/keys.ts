/** The keys as the engine takes them: its order decides which one of an algorithm signs. */
import { type KeyLine, SIGNING_ALGORITHMS, type SigningKey } from '../domain/keys/key.ts'

export interface Keys {
  /** private JSON Web Key Set; of each algorithm the first one signs */
  jwks: { keys: Record<string, unknown>[] }
  /** the first one signs, all are verified with */
  cookieKeys: string[]
}

/** A next key is there for verifying only: another node may have made it current a moment ago. */
const STATES = ['current', 'retiring', 'next'] as const

export function keysOf(stored: readonly SigningKey[]): Keys {
  const jwksOf = (line: KeyLine) =>
    STATES.flatMap((state) => stored.filter((key) => key.line === line && key.state === state)).map(
      ({ jwk }) => jwk,
    )
  return {
    // ES256 first, so that it signs wherever an algorithm is not asked for by name.
    jwks: { keys: SIGNING_ALGORITHMS.flatMap(jwksOf) },
    cookieKeys: jwksOf('cookie').map(({ k }) => String(k)),
  }
}
