import type { Knex } from 'knex'
import type {
  Admission,
  InitialAccessToken,
  NewInitialAccessToken,
} from '../../../domain/clients/initial-access-token.ts'
import type { RegistrationPolicy } from '../../../domain/clients/registration-policy.ts'
import type { InitialAccessTokenRepository } from '../../../domain/ports.ts'
import { isStorable, orNull, orUndefined, toJson } from '../rows.ts'

interface Row {
  id: string
  name: string
  policy: RegistrationPolicy
  uses_left: number | null
  max_clients: number | null
  clients: number
  expires_at: Date | null
  revoked_at: Date | null
  used_at: Date | null
  created_at: Date
}

const TABLE = 'initial_access_tokens'
const COLUMNS = [
  ...['id', 'name', 'policy', 'uses_left', 'max_clients', 'clients'],
  ...['expires_at', 'revoked_at', 'used_at', 'created_at'],
].map((column) => `${TABLE}.${column}`)

/** Using one up is not here: it is written with the client (`commit-sections.ts`). */
export class SqlInitialAccessTokens implements InitialAccessTokenRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async insert(token: NewInitialAccessToken): Promise<void> {
    await this.#knex(TABLE).insert({
      id: token.id,
      name: token.name,
      digest: encoded(token.digest),
      policy: toJson(token.policy),
      uses_left: orNull(token.usesLeft),
      max_clients: orNull(token.maxClients),
      expires_at:
        token.ttlSeconds === undefined
          ? null
          : this.#knex.raw('now() + make_interval(secs => ?::float8)', [token.ttlSeconds]),
    })
  }

  async find(digests: readonly Buffer[]): Promise<InitialAccessToken | undefined> {
    const row = await this.#knex<Row>(TABLE)
      .whereIn('digest' as keyof Row, digests.map(encoded))
      .first(...COLUMNS)
    return row && tokenOf(row as Row)
  }

  async list(): Promise<InitialAccessToken[]> {
    const rows = await this.#knex(TABLE)
      .orderBy([{ column: 'created_at', order: 'desc' }, 'id'])
      .select(...COLUMNS)
    return (rows as Row[]).map(tokenOf)
  }

  async admissionOf(clientId: string): Promise<Admission> {
    if (!isStorable(clientId)) return { kind: 'operator' }
    const row = await this.#knex('clients')
      .where('clients.id', clientId)
      .leftJoin(TABLE, `${TABLE}.id`, 'clients.admitted_by')
      .first('clients.admitted_by', ...COLUMNS)
    if (row?.admitted_by === 'open') return { kind: 'open' }
    return row?.id ? { kind: 'token', token: tokenOf(row as Row) } : { kind: 'operator' }
  }

  async revoke(id: string): Promise<boolean> {
    if (!isStorable(id)) return false
    const revoked = await this.#knex(TABLE)
      .where({ id, revoked_at: null })
      .update({ revoked_at: this.#knex.fn.now() })
    return revoked === 1
  }
}

function encoded(digest: Buffer): string {
  return digest.toString('base64url')
}

function tokenOf(row: Row): InitialAccessToken {
  return {
    id: row.id,
    name: row.name,
    policy: row.policy,
    usesLeft: orUndefined(row.uses_left),
    maxClients: orUndefined(row.max_clients),
    clients: row.clients,
    expiresAt: orUndefined(row.expires_at),
    revokedAt: orUndefined(row.revoked_at),
    usedAt: orUndefined(row.used_at),
    createdAt: row.created_at,
  }
}
