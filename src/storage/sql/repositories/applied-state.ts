import type { Knex } from 'knex'
import type { JsonObject } from '../../../domain/authorization/json.ts'
import { KINDS, keyOf, type Ref, type State } from '../../../domain/declarative/plan.ts'
import type { AppliedState } from '../../../domain/declarative/ports.ts'
import { toJson } from '../rows.ts'

/** "appl" as a number: the advisory lock declarations are applied under. */
const LOCK = 0x6170706c

export class SqlAppliedState implements AppliedState {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async lock(): Promise<void> {
    await this.#knex.raw('select pg_advisory_xact_lock(?)', [LOCK])
  }

  async list(): Promise<State> {
    const rows = await this.#knex<Ref & { value: JsonObject }>('applied_state')
      // Another version may have applied kinds that this one does not know.
      .whereIn('kind', [...KINDS])
      .orderBy(['kind', 'id'])
      .select('kind', 'id', 'value')
    return new Map(rows.map((row) => [keyOf(row), row]))
  }

  async keep({ kind, id }: Ref, value: JsonObject): Promise<void> {
    await this.#knex('applied_state')
      .insert({ kind, id, value: toJson(value), applied_at: this.#knex.fn.now() })
      .onConflict(['kind', 'id'])
      .merge()
  }

  async forget({ kind, id }: Ref): Promise<void> {
    await this.#knex('applied_state').where({ kind, id }).delete()
  }
}
