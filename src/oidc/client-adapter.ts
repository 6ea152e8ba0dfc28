/** Clients for the engine: our table's rows as client metadata, with the flags that only an operator may set. */
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import type { ClientSettings } from '../domain/clients/client.ts'
import { contradictions, underProfile, withProfile } from '../domain/clients/profile.ts'
import { policyOf } from '../domain/clients/registration-policy.ts'
import type { AdapterDeps } from './adapter.ts'
import { digestSecret, isDigest } from './client-secret.ts'
import { currentContext } from './context.ts'
import { Unavailable } from './errors.ts'
import { CHALLENGE_GRANT } from './routes.ts'

/** printable ASCII without spaces (RFC 6749 appendix A.1 allows VSCHAR); everything else is no client of ours */
const CLIENT_ID = /^[\x21-\x7e]{1,255}$/

/** Members that we add for the engine and never take from a registration. */
export const OPERATOR_METADATA = [
  'first_party',
  'self_registered',
  'profile',
  'message_signing',
  'token_exchange',
  'metadata_document',
  'first_party_challenge',
  'pkce_exempt',
  'api_permissions',
] as const

/** Members of registration that the engine does not know (RFC 7591 2). */
export const REGISTERED_METADATA = ['software_statement', 'software_id', 'software_version'] as const

/** Of these, what is kept among a client's metadata, also when it registers anew. */
const KEPT = [
  'profile',
  'message_signing',
  'first_party_challenge',
  'pkce_exempt',
  'api_permissions',
] as const

export class ClientAdapter implements Adapter {
  readonly #deps: AdapterDeps

  constructor(deps: AdapterDeps) {
    this.#deps = deps
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    if (!CLIENT_ID.test(id)) return undefined
    const { clientsById, clientDocuments } = this.#deps
    const client = await this.#guard(async () => {
      if (clientDocuments.concerns(id)) return clientDocuments.find(id)
      const found = await clientsById.find(id)
      // One of a host that is not, or no longer, on the list.
      return found?.source === 'document' ? undefined : found
    })
    return client?.status === 'active' ? toMetadata(client) : undefined
  }

  /** Called by dynamic registration and management (RFC 7591, RFC 7592) only. */
  async upsert(id: string, payload: AdapterPayload): Promise<void> {
    const { client_id: _, client_secret: secret, ...rest } = payload as Record<string, unknown>
    const metadata = Object.fromEntries(
      Object.entries(rest).filter(([name]) => !(OPERATOR_METADATA as readonly string[]).includes(name)),
    )
    const { registeredClients, units, clientsChanged } = this.#deps
    const ctx = currentContext()
    const isUpdate = ctx?.oidc?.route === 'client_update'
    const admission = this.#deps.admissions.ofRequest(ctx)
    const { profile } = policyOf(admission)
    const kept = isUpdate ? await this.#kept(id) : profile === undefined ? {} : { profile }
    const client = { id, metadata: { ...metadata, ...kept }, secretDigest: this.#digestOf(secret) }
    const [wrong] = contradictions(underProfile(client.metadata))
    if (wrong) throw new errors.InvalidClientMetadata(`${wrong.member} ${wrong.reason}`)
    await this.#guard(() =>
      isUpdate ? registeredClients.change(client) : registeredClients.register(client, admission),
    )
    units.afterCommit(clientsChanged)
  }

  /** What the operator said of a client, which stays whatever it says of itself. */
  async #kept(id: string): Promise<Record<string, unknown>> {
    const existing = await this.#guard(() => this.#deps.clients.find(id))
    const stays = KEPT.filter((name) => existing?.metadata[name] !== undefined)
    return Object.fromEntries(stays.map((name) => [name, existing?.metadata[name]]))
  }

  #digestOf(secret: unknown): string | undefined {
    if (typeof secret !== 'string') return undefined
    return isDigest(secret) ? secret : digestSecret(this.#deps.keyed, secret)
  }

  async destroy(id: string): Promise<void> {
    await this.#guard(async () => {
      await this.#deps.clients.delete(id)
      this.#deps.clientsChanged()
    })
  }

  async findByUid(): Promise<undefined> {}
  async findByUserCode(): Promise<undefined> {}
  async consume(): Promise<void> {}
  async revokeByGrantId(): Promise<void> {}

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (this.#deps.isUnavailable(error)) throw new Unavailable(error)
      if (this.#deps.isUnstorable(error))
        throw new errors.InvalidRequest('a member holds a character that is not allowed')
      throw error
    }
  }
}

export function toMetadata(client: ClientSettings): AdapterPayload {
  return {
    client_id: client.id,
    ...withChallenge(
      client.source === 'configuration' ? withProfile(client.metadata) : underProfile(client.metadata),
    ),
    ...(client.secretDigest === undefined ? {} : { client_secret: client.secretDigest }),
    first_party: client.firstParty,
    self_registered: client.source === 'registration',
    metadata_document: client.source === 'document',
  }
}

/** Who may sign people in by itself has the grant type behind that endpoint, which nobody can write down. */
function withChallenge(metadata: Record<string, unknown>): Record<string, unknown> {
  if (metadata.first_party_challenge !== true) return metadata
  const { grant_types: grants = ['authorization_code'] } = metadata
  // What is no list is left for the engine to refuse.
  return Array.isArray(grants) ? { ...metadata, grant_types: [...grants, CHALLENGE_GRANT] } : metadata
}
