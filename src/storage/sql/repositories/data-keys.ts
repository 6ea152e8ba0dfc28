/** The wrapped data keys, and what an operator's rotation does to the database. Knows no key. */
import type { Knex } from 'knex'
import type {
  AtRest,
  Dependants,
  KeyRotationStore,
  NewWrappedKey,
  SealedValue,
  WrappedKey,
} from '../../at-rest.ts'
import { countDependants, dropDependants } from '../key-dependants.ts'
import { placeOf, SEALED_COLUMNS } from '../sealed-columns.ts'
import { SqlAudit } from './audit.ts'

interface Row {
  version: number
  kek_id: string
  wrapped: Buffer
  active_in: number
}

/** "data" as a number: the advisory lock versions are made and retired under. */
const LOCK = 0x64617461

export class SqlDataKeys implements KeyRotationStore {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  list(): Promise<WrappedKey[]> {
    return listOf(this.#knex)
  }

  createOnce(make: (sealed: SealedValue | undefined) => NewWrappedKey): Promise<WrappedKey[]> {
    return this.#locked(async (trx) => {
      const stored = await listOf(trx)
      if (stored.length > 0) return stored
      const key = make(await anySealed(trx))
      await trx('data_keys').insert(rowOf(key))
      return listOf(trx)
    })
  }

  async rewrap(key: NewWrappedKey, from: Buffer): Promise<boolean> {
    const { version, ...row } = rowOf(key)
    return (await this.#knex('data_keys').where({ version, wrapped: from }).update(row)) === 1
  }

  advance(
    known: readonly number[],
    next: (version: number) => NewWrappedKey,
    { activeInSeconds, retire, record }: Parameters<KeyRotationStore['advance']>[2],
  ): Promise<boolean> {
    return this.#locked(async (trx) => {
      const stored = await listOf(trx)
      if (stored.map(({ version }) => version).join() !== known.join()) return false
      const key = rowOf(next(Math.max(...known) + 1))
      const activateAt = trx.raw('now() + make_interval(secs => ?::float8)', [activeInSeconds])
      await trx('data_keys').insert({ ...key, activate_at: activateAt })
      await trx('data_keys')
        .whereIn('version', [...retire])
        .delete()
      await new SqlAudit(trx, this.#atRest).append(record)
      return true
    })
  }

  async reseal(limit: number): Promise<number> {
    const current = this.#atRest.seal('', '')[0] as number
    let count = 0
    for (const at of SEALED_COLUMNS) {
      const rows: { id: string; sealed: Buffer }[] = await this.#knex(at.table)
        .whereRaw('get_byte(??, 0) <> ?', [at.column, current])
        .limit(limit)
        .select({ id: at.key, sealed: at.column })
      for (const { id, sealed } of rows) {
        const place = placeOf(at, id)
        const renewed = this.#atRest.seal(place, this.#atRest.open(place, sealed))
        // Only if it still is what was read: a change at the same moment is under the current version already.
        await this.#knex(at.table)
          .where({ [at.key]: id, [at.column]: sealed })
          .update({ [at.column]: renewed })
        count += 1
      }
    }
    return count
  }

  dependants(current: { version: number; pepperId: string }): Promise<Dependants[]> {
    return countDependants(this.#knex, current)
  }

  dropDependants(current: number, limit: number): Promise<number> {
    return dropDependants(this.#knex, current, limit)
  }

  #locked<T>(work: (trx: Knex.Transaction) => Promise<T>): Promise<T> {
    return this.#knex.transaction(async (trx) => {
      await trx.raw('select pg_advisory_xact_lock(?)', [LOCK])
      return work(trx)
    })
  }
}

async function listOf(knex: Knex): Promise<WrappedKey[]> {
  const rows: Row[] = await knex('data_keys')
    .orderBy('version')
    .select('version', 'kek_id', 'wrapped')
    // Not now(): a transaction that waited for the lock began before the key it finds was made.
    .select({ active_in: knex.raw('extract(epoch from activate_at - clock_timestamp())::float8') })
  return rows.map(({ version, kek_id: kekId, wrapped, active_in: activeIn }) => ({
    version,
    kekId,
    wrapped,
    activeIn,
  }))
}

async function anySealed(knex: Knex): Promise<SealedValue | undefined> {
  for (const at of SEALED_COLUMNS) {
    const row: { id: string; sealed: Buffer } | undefined = await knex(at.table).first({
      id: at.key,
      sealed: at.column,
    })
    if (row) return { place: placeOf(at, row.id), sealed: row.sealed }
  }
  return undefined
}

function rowOf({ version, kekId, wrapped }: NewWrappedKey) {
  return { version, kek_id: kekId, wrapped }
}
