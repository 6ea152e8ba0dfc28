/**
 * Client secrets are stored as a keyed digest. The digest stands in the engine's `client_secret` member; comparing
 * digests what the client presents (`Client#compareClientSecret` is the engine's sanctioned override).
 */
import { timingSafeEqual } from 'node:crypto'
import type { ClientRepository, KeyedHash } from '../domain/ports.ts'

const PREFIX = 'hmac-sha256:'

/** `hmac-sha256:<version of the key>:<digest>`; without the version, one of the time before keys had any. */
export function digestSecret(keyed: KeyedHash, secret: string): string {
  return `${PREFIX}${keyed.version}:${encoded(keyed.digest('client-secret', secret))}`
}

/** Whether a value is one of our digests; a client can never choose its secret, so none can be forged as one. */
export function isDigest(value: string): boolean {
  return value.startsWith(PREFIX)
}

/** Also of a digest made before the key was changed. */
export function secretMatches(keyed: KeyedHash, digest: string, presented: string): boolean {
  const expected = Buffer.from(digest.slice(digest.lastIndexOf(':') + 1))
  return keyed
    .digests('client-secret', presented)
    .map((made) => Buffer.from(encoded(made)))
    .some((made) => made.length === expected.length && timingSafeEqual(made, expected))
}

interface CompareDeps {
  keyed: KeyedHash
  clients: Pick<ClientRepository, 'renewSecretDigest'>
}

/** `Client#compareClientSecret`. A right secret that is stored under a former key is stored anew under the current one. */
export function compareClientSecret({ keyed, clients }: CompareDeps) {
  return function compare(this: { clientId: string; clientSecret?: string }, presented: string): boolean {
    const digest = this.clientSecret
    if (digest === undefined || !secretMatches(keyed, digest, presented)) return false
    if (isCurrent(keyed, digest)) return true
    // Nobody waits for it: should it fail, the next time does.
    clients.renewSecretDigest(this.clientId, digest, digestSecret(keyed, presented)).catch(() => {})
    return true
  }
}

function isCurrent(keyed: KeyedHash, digest: string): boolean {
  return digest.startsWith(`${PREFIX}${keyed.version}:`)
}

function encoded(digest: Buffer): string {
  return digest.toString('base64url')
}
