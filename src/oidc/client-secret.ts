/**
 * Client secrets are stored as a keyed digest. The digest stands in the engine's `client_secret` member; comparing
 * digests what the client presents (`Client#compareClientSecret` is the engine's sanctioned override).
 */
import { timingSafeEqual } from 'node:crypto'
import type { SecretSlot } from '../domain/clients/secrets.ts'
import type { ClientRepository, KeyedHash } from '../domain/ports.ts'
import { Unavailable } from './errors.ts'

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
  clients: Pick<ClientRepository, 'renewSecretDigest' | 'formerSecretDigest' | 'secretUsed'>
  isUnavailable: (error: unknown) => boolean
}

/** of whom it is remembered that their use was noted today */
const NOTED_MAX = 20_000

/**
 * `Client#compareClientSecret`. The secret before the current one is asked for at each use, so that its end is the end.
 * A right secret that is stored under a former key is stored anew under the current one. Throws the protocol's
 * `temporarily_unavailable`.
 */
export function compareClientSecret({ keyed, clients, isUnavailable }: CompareDeps) {
  const noted = new Set<string>()
  let today = ''
  /** Once a day and process. Nobody waits for it: should it fail, the next time does. */
  const note = (id: string, which: SecretSlot, digest: string) => {
    const day = new Date().toISOString().slice(0, 10)
    if (day !== today || noted.size > NOTED_MAX) noted.clear()
    today = day
    const secret = `${which} ${id} ${digest}`
    if (noted.has(secret)) return
    noted.add(secret)
    clients.secretUsed(id, which).catch(() => noted.delete(secret))
  }
  return async function compare(
    this: { clientId: string; clientSecret?: string },
    presented: string,
  ): Promise<boolean> {
    const { clientId, clientSecret: digest } = this
    if (digest === undefined) return false
    if (secretMatches(keyed, digest, presented)) {
      if (!isCurrent(keyed, digest))
        clients.renewSecretDigest(clientId, digest, digestSecret(keyed, presented)).catch(() => {})
      note(clientId, 'current', digest)
      return true
    }
    const former = await clients.formerSecretDigest(clientId).catch((error: unknown) => {
      throw isUnavailable(error) ? new Unavailable(error) : error
    })
    if (former === undefined || !secretMatches(keyed, former, presented)) return false
    note(clientId, 'former', former)
    return true
  }
}

function isCurrent(keyed: KeyedHash, digest: string): boolean {
  return digest.startsWith(`${PREFIX}${keyed.version}:`)
}

function encoded(digest: Buffer): string {
  return digest.toString('base64url')
}
