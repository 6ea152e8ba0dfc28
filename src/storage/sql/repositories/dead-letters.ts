import type { Knex } from 'knex'
import type { PageOf } from '../../../domain/directory/directory.ts'
import type { DeadLetter, DeadLetterRepository, Which } from '../../../domain/operations/dead-letters.ts'
import type { OutboxKind } from '../../../domain/outbox.ts'
import { orUndefined } from '../rows.ts'
import { inPages, pageOf } from './paging.ts'

interface Row {
  id: string
  kind: OutboxKind
  client_id: string | null
  attempts: number
  last_error: string | null
  created_at: Date
  dead_at: Date
  position: string
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export class SqlDeadLetters implements DeadLetterRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async list(query: Parameters<DeadLetterRepository['list']>[0]): Promise<PageOf<DeadLetter>> {
    const letters = this.#dead(query.kind === undefined ? {} : { kind: query.kind }).select(
      ...(['id', 'kind', 'attempts', 'last_error', 'created_at', 'dead_at'] as const),
      this.#knex.raw(`job ->> 'clientId' as client_id, dead_at::text as position`),
    )
    const rows: Row[] = await inPages(
      letters,
      { by: 'dead_at', type: 'timestamptz', descending: true },
      query,
    )
    return pageOf(rows, query, letterOf, ({ position, id }) => ({ key: position, id }))
  }

  async revive(which: Which): Promise<Map<OutboxKind, number>> {
    if (!canBe(which)) return new Map()
    const rows = await this.#dead(which)
      .update({ dead_at: null, leased_until: null, attempts: 0, due_at: this.#knex.fn.now() })
      .returning('kind')
    return counted(rows)
  }

  async drop(which: Which): Promise<Map<OutboxKind, number>> {
    return canBe(which) ? counted(await this.#dead(which).delete().returning('kind')) : new Map()
  }

  #dead(which: { kind?: OutboxKind } | { id: string }) {
    return this.#knex('outbox').where(which).whereNotNull('dead_at')
  }
}

function canBe(which: Which): boolean {
  return !('id' in which) || UUID.test(which.id)
}

function counted(rows: readonly { kind: OutboxKind }[]): Map<OutboxKind, number> {
  const counts = new Map<OutboxKind, number>()
  for (const { kind } of rows) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return counts
}

function letterOf(row: Row): DeadLetter {
  return {
    id: row.id,
    kind: row.kind,
    clientId: orUndefined(row.client_id),
    attempts: row.attempts,
    error: orUndefined(row.last_error),
    createdAt: row.created_at,
    diedAt: row.dead_at,
  }
}
