/**
 * Pairwise subjects (OpenID Connect Core 1.0, 8.1): a client registered with `subject_type: pairwise` knows each person
 * under a name of its own, which no client of another sector can tell to be the same person's. The name is an HMAC, so
 * nothing is stored a person; without the deployment's salt it cannot be computed, and with it, it never changes.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import type { Client, Configuration } from 'oidc-provider'
import { currentContext } from './context.ts'

/** name of the salt among the deployment's secrets */
export const PAIRWISE_SALT = 'pairwise-salt'
/** bytes */
export const PAIRWISE_SALT_BYTES = 32

/** about 300 bytes each */
const REMEMBERED = 10_000

/** `sectorIdentifier` is public in the engine and missing from its types. */
type SectorClient = Client & { sectorIdentifier: string }

/** @param salt as it is stored, base64url */
export function pairwiseIdentifier(salt: string): NonNullable<Configuration['pairwiseIdentifier']> {
  const key = createSecretKey(Buffer.from(salt, 'base64url'))
  const known = new Map<string, string>()
  return async (_ctx, accountId, client) => {
    const input = `${sectorOf(client as SectorClient)}\0${accountId}`
    const before = known.get(input)
    if (before !== undefined) return before
    const subject = createHmac('sha256', key).update(input).digest('base64url')
    if (known.size >= REMEMBERED) known.delete(known.keys().next().value as string)
    known.set(input, subject)
    return subject
  }
}

/** The host alone, as the standard says; the engine's sector carries the port where there is one. */
function sectorOf({ sectorIdentifier }: SectorClient): string {
  return new URL(`https://${sectorIdentifier}`).hostname
}

/**
 * `sector_identifier_uri` is fetched and compared when a client registers or changes, and never to read one: an app
 * whose website is away must not lose its sign-ins. What the operator declares is taken at the operator's word.
 */
export function validatesSectorNow(): boolean {
  return ['registration', 'client_update'].includes(String(currentContext()?.oidc?.route))
}
