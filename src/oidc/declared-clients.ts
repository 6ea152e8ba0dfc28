/** Clients written down by the operator (`CLIENTS_FILE`), applied at start. Never deletes what the file leaves out. */
import type Provider from 'oidc-provider'
import { usesSecret } from '../domain/clients/client.ts'
import type { ClientRepository, KeyedHash } from '../domain/ports.ts'
import { toMetadata } from './client-adapter.ts'
import { digestSecret } from './client-secret.ts'

/** Client metadata of OpenID Connect Dynamic Registration 1.0, with `client_id`, `client_secret`, `first_party`. */
export type DeclaredClient = Record<string, unknown> & { client_id: string }

export class DeclaredClientError extends Error {}

const SECRET_MIN_LENGTH = 32

/** @throws DeclaredClientError naming the client, the member and what to change */
export async function applyDeclaredClients(
  provider: Provider,
  clients: ClientRepository,
  keyed: KeyedHash,
  declared: readonly DeclaredClient[],
): Promise<void> {
  for (const entry of declared) {
    const { client_id: id, client_secret: secret, first_party: firstParty, ...metadata } = entry
    if (typeof id !== 'string' || !/^[\x21-\x7e]{1,255}$/.test(id))
      throw new DeclaredClientError('every client needs a client_id of printable ASCII characters')
    const fail = (reason: string): never => {
      throw new DeclaredClientError(`client "${id}": ${reason}`)
    }
    const withSecret = usesSecret(metadata)
    if (withSecret && (typeof secret !== 'string' || secret.length < SECRET_MIN_LENGTH))
      fail(
        `client_secret must have at least ${SECRET_MIN_LENGTH} random characters; make one with: openssl rand -base64 32`,
      )
    if (firstParty !== undefined && typeof firstParty !== 'boolean') fail('first_party must be true or false')
    const { first_party_challenge: challenge = false } = metadata
    if (typeof challenge !== 'boolean' || (challenge && firstParty !== true))
      fail('first_party_challenge must be true or false, and needs first_party to be true')
    const client = {
      id,
      metadata,
      secretDigest: withSecret && typeof secret === 'string' ? digestSecret(keyed, secret) : undefined,
      firstParty: firstParty === true,
      source: 'configuration',
    } as const
    await validate(provider, toMetadata(client) as Record<string, unknown>).catch((error: unknown) =>
      fail((error as { error_description?: string }).error_description ?? (error as Error).message),
    )
    await clients.save(client)
  }
}

/** The engine's own schema; public in its API and missing from its types. */
export async function validate(provider: Provider, metadata: Record<string, unknown>): Promise<void> {
  const { Client } = provider as unknown as { Client: { validate(metadata: unknown): Promise<void> } }
  await Client.validate(metadata)
}
