import type { Knex } from 'knex'
import type { AuditQuery, AuditRecord, AuditTrail, PageOf } from '../../../domain/directory/directory.ts'
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
  created_at: Date
}

export class SqlAuditTrail implements AuditTrail {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async list(query: AuditQuery): Promise<PageOf<AuditRecord>> {
    const { name, outcome, userId, clientId, since, until } = query
    const events = this.#knex('audit_events').select('*')
    for (const [column, value] of Object.entries({ name, outcome, user_id: userId, client_id: clientId }))
      if (value !== undefined) events.where(column, value)
    if (since) events.where('created_at', '>=', since)
    if (until) events.where('created_at', '<', until)
    const rows: Row[] = await inPages(events, { by: 'id', type: 'bigint', descending: true }, query)
    return pageOf(rows, query, recordOf, ({ id }) => ({ key: String(id), id: String(id) }))
  }
}

function recordOf(row: Row): AuditRecord {
  return {
    id: String(row.id),
    name: row.name,
    outcome: row.outcome,
    userId: orUndefined(row.user_id),
    clientId: orUndefined(row.client_id),
    requestId: orUndefined(row.request_id),
    ip: orUndefined(row.ip),
    userAgent: orUndefined(row.user_agent),
    detail: row.detail ?? {},
    at: row.created_at,
  }
}
