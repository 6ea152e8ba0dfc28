import type { Knex } from 'knex'
import type { FailureRecord } from '../../../domain/failures/record.ts'
import type { FailureRepository } from '../../../domain/ports.ts'
import { cleaned, isStorable } from '../rows.ts'

const KEPT = "created_at > now() - interval '1 day'"

/** For a day, whether the purge has come by or not. Foreign text is made storable, as in the audit. */
export class SqlFailures implements FailureRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async save(failure: FailureRecord): Promise<void> {
    const { code, requestId } = failure
    const record = JSON.stringify(failure, (_, value) => (typeof value === 'string' ? cleaned(value) : value))
    // 40 random bits can meet; then the first keeps the code.
    await this.#knex('failures').insert({ code, request_id: requestId, record }).onConflict('code').ignore()
  }

  async findByCode(code: string): Promise<FailureRecord | undefined> {
    return isStorable(code) ? this.#newest({ code }) : undefined
  }

  async findByRequestId(requestId: string): Promise<FailureRecord | undefined> {
    return isStorable(requestId) ? this.#newest({ request_id: requestId }) : undefined
  }

  async #newest(where: { code: string } | { request_id: string }): Promise<FailureRecord | undefined> {
    const row = await this.#knex<{ record: FailureRecord; created_at: Date }>('failures')
      .where(where)
      .whereRaw(KEPT)
      .orderBy('created_at', 'desc')
      .first('record')
    return row?.record
  }
}
