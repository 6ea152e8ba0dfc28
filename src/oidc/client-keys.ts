/**
 * What we ask of a client's keys that come by value. The engine looks at their members; a modulus that is too short
 * (RFC 7518, 3.3) or a point that is not on its curve (RFC 8725, 3.4) would be found out at the first use only.
 */
import { createPublicKey, type JsonWebKey } from 'node:crypto'

const RSA_BITS = 2048

/** What is wrong with the first key that is no good, as a sentence's end; `undefined` when all are. */
export function weakKey(jwks: unknown): string | undefined {
  const keys = (jwks as { keys?: unknown } | undefined)?.keys
  if (!Array.isArray(keys)) return undefined
  for (const key of keys as JsonWebKey[]) {
    const wrong = weakness(key)
    if (wrong) return `the key ${typeof key.kid === 'string' ? `"${key.kid}" ` : ''}${wrong}`
  }
  return undefined
}

function weakness(key: JsonWebKey): string | undefined {
  // Other kinds are the engine's to refuse, by its own words.
  if (!['RSA', 'EC', 'OKP'].includes(String(key?.kty))) return undefined
  try {
    const { modulusLength } = createPublicKey({ key, format: 'jwk' }).asymmetricKeyDetails ?? {}
    return modulusLength !== undefined && modulusLength < RSA_BITS
      ? `has ${modulusLength} bits; RSA keys have at least ${RSA_BITS} (RFC 7518 3.3)`
      : undefined
  } catch {
    return 'is no key: its members do not fit together (RFC 7517 4)'
  }
}
