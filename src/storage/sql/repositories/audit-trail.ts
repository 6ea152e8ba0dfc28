import type { Knex } from 'knex'
import type { AuditQuery, AuditRecord, AuditTrail, PageOf } from '../../../domain/directory/directory.ts'
import type { AtRest } from '../../at-rest.ts'
import { keysIn, type Private, reveal } from '../audit-privacy.ts'
import { orUndefined } from '../rows.ts'
import { inPages, pageOf } from './paging.ts'

interface Row {
  id: number | bigint
  name: string
  outcome: 'success' | 'failure'
  user_id: string | null
  client_id: string | null
  request_id: string | null
  ip: string | null
  user_agent: string | null
  detail: Record<string, unknown> | null
  sealed: string | null
  created_at: Date
}

/** As `isPerson`, and as the index has it (migration `audit_actors`). */
const BY_SOMEBODY = `(detail ->> 'by' like 'usr%' or detail ->> 'by' like '________-____-____-____-____________')`

export class SqlAuditTrail implements AuditTrail {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async list(query: AuditQuery): Promise<PageOf<AuditRecord>> {
    const { name, outcome, userId, actorId, clientId, since, until } = query
    const events = this.#knex('audit_events').select('*')
    for (const [column, value] of Object.entries({ name, outcome, user_id: userId, client_id: clientId }))
      if (value !== undefined) events.where(column, value)
    // Who acts on their own account is named by no more than that.
    if (actorId !== undefined)
      events.whereRaw(
        `(detail ->> 'by' = ? and ${BY_SOMEBODY}
          or user_id = ? and not coalesce(${BY_SOMEBODY} or detail ->> 'by' like 'client:%', false))`,
        [actorId, actorId],
      )
    if (since) events.where('created_at', '>=', since)
    if (until) events.where('created_at', '<', until)
    const rows: Row[] = await inPages(events, { by: 'id', type: 'bigint', descending: true }, query)
    const show = await this.#reader(rows)
    return pageOf(rows, query, show, ({ id }) => ({ key: String(id), id: String(id) }))
  }

  async byIds(ids: readonly string[]): Promise<AuditRecord[]> {
    if (ids.length === 0) return []
    const rows: Row[] = await this.#knex('audit_events').whereIn('id', [...ids])
    return rows.map(await this.#reader(rows))
  }

  async #reader(rows: readonly Row[]): Promise<(row: Row) => AuditRecord> {
    const keys = await keysOf(this.#knex, rows)
    return (row) => recordOf(row, reveal(row.sealed, keys, this.#atRest))
  }
}

/** Those that there are still, of the ones the rows need. */
async function keysOf(
  knex: Knex,
  rows: readonly { sealed: string | null }[],
): Promise<ReadonlyMap<string, Buffer>> {
  const ids = [...new Set(rows.flatMap(({ sealed }) => keysIn(sealed)))]
  const keys =
    ids.length === 0 ? [] : await knex('audit_person_keys').whereIn('id', ids).select('id', 'sealed')
  return new Map(keys.map(({ id, sealed }) => [id, sealed]))
}

function recordOf(row: Row, { ip, userAgent, personal }: Private): AuditRecord {
  return {
    id: String(row.id),
    name: row.name,
    outcome: row.outcome,
    userId: orUndefined(row.user_id),
    clientId: orUndefined(row.client_id),
    requestId: orUndefined(row.request_id),
    ip: ip ?? orUndefined(row.ip),
    userAgent: userAgent ?? orUndefined(row.user_agent),
    personal: personal ?? {},
    detail: row.detail ?? {},
    at: row.created_at,
  }
}
