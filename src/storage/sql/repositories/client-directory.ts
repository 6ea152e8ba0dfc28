import type { Knex } from 'knex'
import type { ClientSettings } from '../../../domain/clients/client.ts'
import type {
  Application,
  ClientDirectory,
  ClientQuery,
  PageOf,
} from '../../../domain/directory/directory.ts'
import { isStorable, orNull, toJson } from '../rows.ts'
import { SqlClientSecrets } from './client-secrets.ts'
import { type ClientRow, clientOf } from './clients.ts'
import { beginsWith, inPages, type Ordering, pageOf } from './paging.ts'

type Row = ClientRow & { version: number; created_at: Date; updated_at: Date }

const BY_ID: Ordering = { by: 'id', type: 'text' }

export class SqlClientDirectory implements ClientDirectory {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<Application | undefined> {
    if (!isStorable(id)) return undefined
    const row = await this.#knex('clients').where({ id }).first<Row>()
    return row && applicationOf(row)
  }

  async list(query: ClientQuery): Promise<PageOf<Application>> {
    const clients = this.#knex('clients').select('*')
    if (query.status) clients.where({ status: query.status })
    if (query.search)
      clients.whereRaw(`(id like :like or lower(metadata ->> 'client_name') like lower(:like))`, {
        like: beginsWith(query.search),
      })
    const rows: Row[] = await inPages(clients, { ...BY_ID, by: 'id collate "C"' }, query)
    return pageOf(rows, query, applicationOf, ({ id }) => ({ key: id, id }))
  }

  async allowedScopes(id: string): Promise<string[]> {
    if (!isStorable(id)) return []
    const { rows } = await this.#knex.raw<{ rows: { scope: string }[] }>(
      `select distinct scope from consents, jsonb_each(resources) allowed,
        jsonb_array_elements_text(allowed.value) scope where client_id = :id`,
      { id },
    )
    return rows.map(({ scope }) => scope)
  }

  async insert(client: ClientSettings): Promise<boolean> {
    const rows = await this.#knex('clients')
      .insert({
        id: client.id,
        metadata: toJson(client.metadata),
        secret_digest: orNull(client.secretDigest),
        first_party: client.firstParty,
        source: client.source,
      })
      .onConflict('id')
      .ignore()
      .returning('id')
    return rows.length === 1
  }

  change(
    id: string,
    version: number | undefined,
    metadata: Record<string, unknown>,
    firstParty?: boolean,
  ): Promise<boolean> {
    const flags = firstParty === undefined ? {} : { first_party: firstParty }
    return this.#set(id, version, { metadata: toJson(metadata), ...flags })
  }

  async replaceSecret(
    id: string,
    version: number | undefined,
    digest: string,
    keepSeconds: number,
  ): Promise<boolean> {
    await new SqlClientSecrets(this.#knex).retire(id, keepSeconds)
    return this.#set(id, version, { secret_digest: digest })
  }

  revokeFormerSecret(id: string): Promise<boolean> {
    return new SqlClientSecrets(this.#knex).revokeFormer(id)
  }

  async #set(id: string, version: number | undefined, columns: object): Promise<boolean> {
    if (!isStorable(id)) return false
    const changed = await this.#knex('clients')
      .where({ id, ...(version === undefined ? {} : { version }) })
      .update({ ...columns, updated_at: this.#knex.fn.now() })
    return changed === 1
  }
}

function applicationOf(row: Row): Application {
  return {
    ...clientOf(row),
    version: Number(row.version),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
