import type { Knex } from 'knex'
import type { PageOf } from '../../../domain/directory/directory.ts'
import type {
  AccessDirectory,
  AccessQuery,
  FoundConsent,
  FoundSession,
} from '../../../domain/operations/session-search.ts'
import * as sql from '../artifact-sql.ts'
import { isStorable } from '../rows.ts'
import { pageOf } from './paging.ts'

interface FamilyRow {
  id: string
  account_id: string
  authorizations: Record<string, unknown>
  created_at: Date
  position: string
}

interface ConsentRow {
  user_id: string
  client_id: string
  scopes: string[]
  updated_at: Date
}

export class SqlAccessDirectory implements AccessDirectory {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async sessions(query: AccessQuery): Promise<PageOf<FoundSession>> {
    const { userId, clientId, after, limit } = query
    if (![userId ?? '', clientId ?? ''].every(isStorable)) return { items: [], next: undefined }
    const families = this.#knex(sql.FAMILIES)
      .select('account_id', 'authorizations', 'created_at')
      .select(this.#knex.raw(`encode(uid, 'hex') as id, created_at::text as position`))
      .whereNull('ended_at')
      .whereRaw(sql.alive(sql.FAMILIES))
    if (userId !== undefined) families.where({ account_id: userId })
    if (clientId !== undefined) families.whereRaw('jsonb_exists(authorizations, ?)', [clientId])
    if (after)
      families.whereRaw(`(created_at, uid) < (cast(? as timestamptz), decode(?, 'hex'))`, [
        after.key,
        after.id,
      ])
    const rows: FamilyRow[] = await families.orderByRaw('created_at desc, uid desc').limit(limit + 1)
    return pageOf(rows, query, sessionOf, ({ position, id }) => ({ key: position, id }))
  }

  async consents(query: AccessQuery): Promise<PageOf<FoundConsent>> {
    const { userId, clientId, after, limit } = query
    if (![userId ?? '', clientId ?? ''].every(isStorable)) return { items: [], next: undefined }
    const consents = this.#knex('consents').select('user_id', 'client_id', 'scopes', 'updated_at')
    if (userId !== undefined) consents.where({ user_id: userId })
    if (clientId !== undefined) consents.where({ client_id: clientId })
    if (after) consents.whereRaw('(user_id, client_id) > (?, ?)', [after.key, after.id])
    const rows: ConsentRow[] = await consents.orderBy(['user_id', 'client_id']).limit(limit + 1)
    return pageOf(rows, query, consentOf, ({ user_id, client_id }) => ({ key: user_id, id: client_id }))
  }
}

function sessionOf({ id, account_id, authorizations, created_at }: FamilyRow): FoundSession {
  return {
    id: Buffer.from(id, 'hex').toString('base64url'),
    userId: account_id,
    clientIds: Object.keys(authorizations),
    startedAt: created_at,
  }
}

function consentOf({ user_id, client_id, scopes, updated_at }: ConsentRow): FoundConsent {
  return { userId: user_id, clientId: client_id, scopes, updatedAt: updated_at }
}
