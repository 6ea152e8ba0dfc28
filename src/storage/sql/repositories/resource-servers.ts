import type { Knex } from 'knex'
import type { ResourceServerRepository } from '../../../domain/ports.ts'
import type { ResourceServer } from '../../../domain/resources/resource-server.ts'
import { isStorable, orNull, orUndefined, toJson } from '../rows.ts'

export interface ResourceServerRow {
  /** the audience */
  id: string
  name: string | null
  scopes: ResourceServer['scopes']
  token_format: ResourceServer['tokenFormat']
  token_ttl: number
  signing_algorithm: ResourceServer['signingAlgorithm']
  /** null: all */
  clients: string[] | null
  documentation: string | null
  publish_metadata: boolean
  exchangeable: boolean
  includes_roles: boolean
  source: ResourceServer['source']
  status: ResourceServer['status']
}

/** Written by `save`, in this order. */
const SAVED = [
  'name',
  'scopes',
  'token_format',
  'token_ttl',
  'signing_algorithm',
  'clients',
  'documentation',
  'publish_metadata',
  'exchangeable',
  'includes_roles',
  'source',
] as const

const SAVE = `insert into resource_servers as t (id, ${SAVED.join(', ')})
  values (:id, ${SAVED.map((column) => `:${column}`).join(', ')})
  on conflict (id) do update set ${SAVED.map((column) => `${column} = excluded.${column}`).join(', ')},
    updated_at = now()
  where (${SAVED.map((column) => `t.${column}`).join(', ')})
    is distinct from (${SAVED.map((column) => `excluded.${column}`).join(', ')})
  returning (xmax = 0) as created`

export class SqlResourceServers implements ResourceServerRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(audience: string): Promise<ResourceServer | undefined> {
    if (!isStorable(audience)) return undefined
    const row = await this.#knex<ResourceServerRow>('resource_servers').where({ id: audience }).first()
    return row && resourceServerOf(row)
  }

  async lock(audience: string): Promise<ResourceServer | undefined> {
    if (!isStorable(audience)) return undefined
    const row = await this.#knex<ResourceServerRow>('resource_servers')
      .where({ id: audience })
      .forUpdate()
      .first()
    return row && resourceServerOf(row)
  }

  async list(): Promise<ResourceServer[]> {
    const rows = await this.#knex<ResourceServerRow>('resource_servers').orderBy('id').select()
    return rows.map(resourceServerOf)
  }

  async version(audience: string): Promise<number | undefined> {
    if (!isStorable(audience)) return undefined
    const row = await this.#knex('resource_servers').where({ id: audience }).first('version')
    return row && Number(row.version)
  }

  async save(server: Omit<ResourceServer, 'status'>): Promise<'created' | 'changed' | 'same'> {
    const { rows } = await this.#knex.raw<{ rows: { created: boolean }[] }>(SAVE, {
      id: server.audience,
      name: orNull(server.name),
      scopes: toJson(server.scopes),
      token_format: server.tokenFormat,
      token_ttl: server.tokenTtl,
      signing_algorithm: server.signingAlgorithm,
      clients: server.clients === 'all' ? null : toJson(server.clients),
      documentation: orNull(server.documentation),
      publish_metadata: server.publishMetadata,
      exchangeable: server.exchangeable,
      includes_roles: server.includesRoles,
      source: server.source,
    })
    const [written] = rows
    return written ? (written.created ? 'created' : 'changed') : 'same'
  }

  async setStatus(audience: string, status: ResourceServer['status']): Promise<boolean> {
    if (!isStorable(audience)) return false
    const changed = await this.#knex('resource_servers')
      .where({ id: audience })
      .update({ status, updated_at: this.#knex.fn.now() })
    return changed === 1
  }

  async delete(audience: string): Promise<boolean> {
    if (!isStorable(audience)) return false
    return (await this.#knex('resource_servers').where({ id: audience }).delete()) === 1
  }
}

export function resourceServerOf(row: ResourceServerRow): ResourceServer {
  return {
    audience: row.id,
    name: orUndefined(row.name),
    scopes: row.scopes,
    tokenFormat: row.token_format,
    tokenTtl: row.token_ttl,
    signingAlgorithm: row.signing_algorithm,
    clients: row.clients ?? 'all',
    documentation: orUndefined(row.documentation),
    publishMetadata: row.publish_metadata,
    exchangeable: row.exchangeable,
    includesRoles: row.includes_roles,
    source: row.source,
    status: row.status,
  }
}
