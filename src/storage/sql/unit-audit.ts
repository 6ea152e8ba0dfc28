/** Audit records of engine requests: committed with what they tell of, and not without it. */
import type { AuditEvent } from '../../domain/audit/events.ts'
import type { AuditRepository } from '../../domain/ports.ts'
import type { AtRest } from '../at-rest.ts'
import type { AuditPrivacy } from './audit-privacy.ts'
import { columnsOf } from './repositories/audit.ts'
import type { Units } from './unit.ts'

export class UnitAudit implements AuditRepository {
  readonly #units: Units
  readonly #atRest: AtRest
  readonly #privacy: AuditPrivacy

  constructor(units: Units, atRest: AtRest, privacy: AuditPrivacy) {
    this.#units = units
    this.#atRest = atRest
    this.#privacy = privacy
  }

  append(event: AuditEvent): Promise<void> {
    return this.#units.write({ kind: 'audit', columns: columnsOf(event, this.#atRest, this.#privacy) })
  }

  async appendAll(events: readonly AuditEvent[]): Promise<void> {
    await Promise.all(events.map((event) => this.append(event)))
  }
}
