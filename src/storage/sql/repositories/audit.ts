import type { Knex } from 'knex'
import type { AuditEvent } from '../../../domain/audit/events.ts'
import type { AuditRepository } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { type Marked, marked } from '../audit-mark.ts'
import { cleaned, toJson } from '../rows.ts'

/** Appends only; the table itself refuses changes. Foreign text is made storable: no input may prevent its record. */
export class SqlAudit implements AuditRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async append(event: AuditEvent): Promise<void> {
    await this.appendAll([event])
  }

  async appendAll(events: readonly AuditEvent[]): Promise<void> {
    if (events.length === 0) return
    await this.#knex('audit_events').insert(events.map((event) => columnsOf(event, this.#atRest)))
  }
}

export function columnsOf(event: AuditEvent, atRest: AtRest): Marked {
  const columns = {
    name: event.name,
    outcome: event.outcome,
    user_id: text(event.userId),
    client_id: text(event.clientId),
    request_id: text(event.request?.id),
    ip: text(event.request?.ip),
    user_agent: text(event.request?.userAgent),
    detail: event.detail ? toJson(cleanedFacts(event.detail)) : null,
  }
  return marked(columns, atRest)
}

function text(value: string | undefined): string | null {
  return value === undefined ? null : cleaned(value)
}

function cleanedFacts(detail: NonNullable<AuditEvent['detail']>): typeof detail {
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [name, typeof value === 'string' ? cleaned(value) : value]),
  )
}
