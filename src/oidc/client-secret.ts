/**
 * Client secrets are stored as a keyed digest. The digest stands in the engine's `client_secret` member; comparing
 * digests what the client presents (`Client#compareClientSecret` is the engine's sanctioned override).
 */
import { timingSafeEqual } from 'node:crypto'
import type { KeyedHash } from '../domain/ports.ts'

const PREFIX = 'hmac-sha256:'

export function digestSecret(keyed: KeyedHash, secret: string): string {
  return PREFIX + keyed.digest('client-secret', secret).toString('base64url')
}

/** Whether a value is one of our digests; a client can never choose its secret, so none can be forged as one. */
export function isDigest(value: string): boolean {
  return value.startsWith(PREFIX)
}

export function secretMatches(keyed: KeyedHash, digest: string, presented: string): boolean {
  const expected = Buffer.from(digest)
  const actual = Buffer.from(digestSecret(keyed, presented))
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}
