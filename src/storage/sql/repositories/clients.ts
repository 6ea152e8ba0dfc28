import type { Knex } from 'knex'
import type { Client } from '../../../domain/clients/client.ts'
import type { ClientRepository } from '../../../domain/ports.ts'
import { isStorable, orNull, orUndefined, toJson } from '../rows.ts'

interface Row {
  id: string
  metadata: Record<string, unknown>
  secret_digest: string | null
  first_party: boolean
  source: Client['source']
}

const COLUMNS = ['id', 'metadata', 'secret_digest', 'first_party', 'source'] as const

export class SqlClients implements ClientRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<Client | undefined> {
    if (!isStorable(id)) return undefined
    // Asked for in every request of the protocol, hence prepared by name.
    const row = await this.#knex<Row>('clients')
      .where({ id })
      .first(...COLUMNS)
      .options({ name: 'clients.find' })
    return row && clientOf(row)
  }

  async list(): Promise<Client[]> {
    const rows = await this.#knex<Row>('clients')
      .orderBy('id')
      .select(...COLUMNS)
    return rows.map(clientOf)
  }

  async save(client: Client): Promise<void> {
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

  async delete(id: string): Promise<void> {
    if (isStorable(id)) await this.#knex('clients').where({ id }).delete()
  }
}

function clientOf(row: Row): Client {
  return {
    id: row.id,
    metadata: row.metadata,
    secretDigest: orUndefined(row.secret_digest),
    firstParty: row.first_party,
    source: row.source,
  }
}
