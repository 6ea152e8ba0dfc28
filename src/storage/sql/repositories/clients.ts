import type { Knex } from 'knex'
import type { Client, ClientSettings } from '../../../domain/clients/client.ts'
import type { ClientSecret, SecretSlot } from '../../../domain/clients/secrets.ts'
import type { ClientRepository } from '../../../domain/ports.ts'
import { SqlAccess } from '../access.ts'
import { isStorable, orNull, orUndefined, toJson } from '../rows.ts'
import { SqlClientSecrets } from './client-secrets.ts'

export interface ClientRow {
  id: string
  metadata: Record<string, unknown>
  secret_digest: string | null
  first_party: boolean
  source: Client['source']
  status: Client['status']
}

const COLUMNS = ['id', 'metadata', 'secret_digest', 'first_party', 'source', 'status'] as const

export class SqlClients implements ClientRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<Client | undefined> {
    if (!isStorable(id)) return undefined
    // Asked for in every request of the protocol, hence prepared by name.
    const row = await this.#knex<ClientRow>('clients')
      .where({ id })
      .first(...COLUMNS)
      .options({ name: 'clients.find' })
    return row && clientOf(row)
  }

  async list(): Promise<Client[]> {
    const rows = await this.#knex<ClientRow>('clients')
      .orderBy('id')
      .select(...COLUMNS)
    return rows.map(clientOf)
  }

  async save(client: ClientSettings): Promise<void> {
    await this.#knex('clients')
      .insert({
        id: client.id,
        metadata: toJson(client.metadata),
        secret_digest: orNull(client.secretDigest),
        first_party: client.firstParty,
        source: client.source,
        updated_at: this.#knex.fn.now(),
      })
      .onConflict('id')
      .merge(['metadata', 'secret_digest', 'first_party', 'source', 'updated_at'])
  }

  async setStatus(id: string, status: Client['status']): Promise<boolean> {
    if (!isStorable(id)) return false
    const changed = await this.#knex('clients')
      .where({ id })
      .update({ status, updated_at: this.#knex.fn.now() })
    return changed === 1
  }

  async renewSecretDigest(id: string, from: string, to: string): Promise<void> {
    await this.#knex('clients').where({ id, secret_digest: from }).update({ secret_digest: to })
  }

  formerSecretDigest(id: string): Promise<string | undefined> {
    return new SqlClientSecrets(this.#knex).formerDigest(id)
  }

  secretUsed(id: string, which: SecretSlot): Promise<void> {
    return new SqlClientSecrets(this.#knex).used(id, which)
  }

  secrets(id: string): Promise<ClientSecret[]> {
    return new SqlClientSecrets(this.#knex).list(id)
  }

  async delete(id: string): Promise<boolean> {
    return new SqlAccess(this.#knex).deleteClient(id)
  }
}

export function clientOf(row: ClientRow): Client {
  return {
    id: row.id,
    metadata: row.metadata,
    secretDigest: orUndefined(row.secret_digest),
    firstParty: row.first_party,
    source: row.source,
    status: row.status,
  }
}
