import type { Knex } from 'knex'
import type { AuditEvent } from '../../../domain/audit/events.ts'
import type { AuditRepository } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { type Marked, marked } from '../audit-mark.ts'
import { AuditPrivacy } from '../audit-privacy.ts'
import { AUDIT_COLUMNS, auditSql } from '../audit-sql.ts'
import { cleaned, toJson } from '../rows.ts'

const ROW = `(select ${AUDIT_COLUMNS.map((column) => `cast(:${column} as text) as ${column}`).join(', ')}) as x`
const ROWS = `jsonb_to_recordset(cast(:rows as jsonb)) as x(${AUDIT_COLUMNS.map((column) => `${column} text`).join(', ')})`
const APPEND = `with ${auditSql(ROW, 'true')} select`
const APPEND_ALL = `with ${auditSql(ROWS, 'true')} select`

/** Appends only; the table itself refuses changes. Foreign text is made storable: no input may prevent its record. */
export class SqlAudit implements AuditRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest
  readonly #privacy: AuditPrivacy

  constructor(knex: Knex, atRest: AtRest, privacy = new AuditPrivacy(atRest)) {
    this.#knex = knex
    this.#atRest = atRest
    this.#privacy = privacy
  }

  async append(event: AuditEvent): Promise<void> {
    await this.#knex.raw(APPEND, { ...columnsOf(event, this.#atRest, this.#privacy) })
  }

  async appendAll(events: readonly AuditEvent[]): Promise<void> {
    if (events.length === 0) return
    const rows = events.map((event) => columnsOf(event, this.#atRest, this.#privacy))
    await this.#knex.raw(APPEND_ALL, { rows: toJson(rows) })
  }
}

export function columnsOf(event: AuditEvent, atRest: AtRest, privacy: AuditPrivacy): Marked {
  const columns = {
    name: event.name,
    outcome: event.outcome,
    user_id: text(event.userId),
    client_id: text(event.clientId),
    request_id: text(event.request?.id),
    ip: null,
    user_agent: null,
    detail: event.detail ? toJson(cleanedFacts(event.detail)) : null,
    ...privacy.hide(event),
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
