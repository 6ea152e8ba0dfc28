/**
 * What could not be delivered: work of the outbox that was given up. An operator mends the cause and has it tried again, or
 * drops it. What it was about stays inside: who looks sees kind, application, how often and why.
 */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import type { PageOf, PageQuery } from '../directory/directory.ts'
import { DomainError } from '../errors.ts'
import type { OutboxKind } from '../outbox.ts'
import type { Database, Repositories } from '../ports.ts'

export interface DeadLetter {
  id: string
  kind: OutboxKind
  /** the application it is for, where it is for one */
  clientId: string | undefined
  attempts: number
  /** of the last try; holds no secret */
  error: string | undefined
  createdAt: Date
  diedAt: Date
}

/** All of a kind, or one. */
export type Which = { kind: OutboxKind } | { id: string }

export interface DeadLetterRepository {
  /** Newest first. */
  list(query: PageQuery & { kind?: OutboxKind | undefined }): Promise<PageOf<DeadLetter>>
  /** Due now, as if never tried. Returns how many, by kind: what is tried again or dropped already does not count. */
  revive(which: Which): Promise<Map<OutboxKind, number>>
  /** Returns how many went, by kind. */
  drop(which: Which): Promise<Map<OutboxKind, number>>
}

export interface DeadLettersDeps {
  database: Pick<Database, 'transaction' | 'deadLetters'>
  /** after some were made due */
  mailSoon: () => void
}

export class DeadLetters {
  readonly #deps: DeadLettersDeps

  constructor(deps: DeadLettersDeps) {
    this.#deps = deps
  }

  list(query: Parameters<DeadLetterRepository['list']>[0]): Promise<PageOf<DeadLetter>> {
    return this.#deps.database.deadLetters.list(query)
  }

  /** Returns how many are tried again. Throws `not_found` for one that is not there (any more). */
  async replay(which: Which, actor: Actor): Promise<number> {
    const count = await this.#change('outbox.replayed', which, actor, (letters) => letters.revive(which))
    if (count > 0) this.#deps.mailSoon()
    return count
  }

  /** For good. Returns how many went. Throws `not_found` for one that is not there (any more). */
  discard(which: Which, actor: Actor): Promise<number> {
    return this.#change('outbox.discarded', which, actor, (letters) => letters.drop(which))
  }

  async #change(
    name: AuditEventName,
    which: Which,
    { by, request }: Actor,
    change: (letters: DeadLetterRepository) => Promise<Map<OutboxKind, number>>,
  ): Promise<number> {
    return this.#deps.database.transaction(async ({ deadLetters, audit }: Repositories) => {
      const done = await change(deadLetters)
      if ('id' in which && done.size === 0) throw new DomainError('not_found')
      for (const [kind, count] of done) {
        const detail = { by, kind, count, ...('id' in which ? { id: which.id } : {}) }
        await audit.append({ name, outcome: 'success', request, detail })
      }
      return [...done.values()].reduce((sum, count) => sum + count, 0)
    })
  }
}
