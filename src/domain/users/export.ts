/** Everything that is kept about one person, for that person. */
import type { RequestFacts } from '../audit/events.ts'
import type { Consent } from '../consents/consent.ts'
import type { AuditRecord, Person, Position } from '../directory/directory.ts'
import { DomainError } from '../errors.ts'
import type { Clock, Database, OpenSession } from '../ports.ts'
import type { Throttle } from '../protection/throttle.ts'

const PAGE = 500

export interface Exported {
  at: Date
  person: Person
  sessions: OpenSession[]
  consents: (Consent & { updatedAt: Date })[]
  activity: AuditRecord[]
}

export class AccountExport {
  readonly #deps: { database: Database; throttle: Throttle; clock: Clock }

  constructor(deps: { database: Database; throttle: Throttle; clock: Clock }) {
    this.#deps = deps
  }

  /** Recorded before it is read, so that the export itself is in it. Throws `throttled`, `not_found`. */
  async of(userId: string, clientId: string, facts: RequestFacts): Promise<Exported> {
    const { database, throttle, clock } = this.#deps
    await throttle.take(throttle.export(userId))
    const person = await database.people.find(userId)
    if (!person) throw new DomainError('not_found')
    await database.audit.append({
      ...{ name: 'user.exported', outcome: 'success', userId, clientId, request: facts },
      detail: { by: userId },
    })
    const [sessions, consents, activity] = await Promise.all([
      database.access.openSessions(userId),
      database.people.consents(userId),
      this.#activity(userId),
    ])
    return { at: clock.now(), person, sessions, consents, activity }
  }

  async #activity(userId: string): Promise<AuditRecord[]> {
    const all: AuditRecord[] = []
    let after: Position | undefined
    do {
      const page = await this.#deps.database.trail.list({ after, limit: PAGE, userId })
      all.push(...page.items)
      after = page.next
    } while (after)
    return all
  }
}
