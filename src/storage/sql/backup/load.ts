/** Rows of a backup into empty tables. Names come from our own lists and the catalogue, never from the file alone. */
import type { Knex } from 'knex'
import { BackupError, type TableHead } from '../../backup/format.ts'
import { columnsOf } from './dump.ts'
import { KEPT } from './tables.ts'

/** Inserts what it is handed, a table after the other. */
export class Loader {
  readonly #trx: Knex.Transaction
  #next = 0
  #insert = ''

  constructor(trx: Knex.Transaction) {
    this.#trx = trx
  }

  /** @throws BackupError when there is no such table here, or not with these columns */
  async table({ table, columns }: TableHead): Promise<void> {
    const place = KEPT.findIndex(({ name }) => name === table)
    if (place < this.#next) throw new BackupError(`A backup holds no table "${table}", or not at this place.`)
    this.#next = place + 1
    const known = await columnsOf(this.#trx, table)
    if (known.map(({ name }) => name).join() !== columns.join())
      throw new BackupError(`The table ${table} of the backup is not like the one here.`)
    const values = known.map(({ type }, index) => `(line ->> ${index})::${type}`)
    this.#insert = `insert into ${table} (${columns.map((name) => `"${name}"`).join(', ')})
      overriding system value select ${values.join(', ')}
      from json_array_elements(cast(:lines as json)) as all_lines(line)`
  }

  async rows(lines: readonly string[]): Promise<void> {
    await this.#trx.raw(this.#insert, { lines: `[${lines.join(',')}]` })
  }
}

const ASIDE = `
  select format('alter table %s drop constraint %I', conrelid::regclass, conname) as drop,
    format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) as make
  from pg_constraint where contype = 'f' and conrelid::regclass::text = any (:tables)
  union all
  select format('drop index %s', indexrelid::regclass), pg_get_indexdef(indexrelid)
  from pg_index where indrelid::regclass::text = any (:tables)
    and not exists (select from pg_constraint where conindid = indexrelid)`

/**
 * Takes away foreign keys and the indexes that are no constraint, which cost more than the rows when each row is looked at
 * for them. Returns what makes them anew, and finds what they forbid, over all rows at once.
 */
export async function setAside(trx: Knex.Transaction): Promise<() => Promise<void>> {
  const { rows } = await trx.raw<{ rows: { drop: string; make: string }[] }>(ASIDE, {
    tables: KEPT.map(({ name }) => name),
  })
  for (const { drop } of rows) await trx.raw(drop)
  return async () => {
    for (const { make } of rows) await trx.raw(make)
  }
}

/**
 * Counters of tables go on after the highest number that was restored, and never go back: they are not part of the
 * transaction, and what it replaces may yet stay.
 */
export async function resetCounters(trx: Knex.Transaction): Promise<void> {
  for (const { name: table } of KEPT) {
    for (const { name } of await columnsOf(trx, table)) {
      const { rows } = await trx.raw<{ rows: { counter: string | null }[] }>(
        'select pg_get_serial_sequence(?, ?) as counter',
        [table, name],
      )
      const counter = rows[0]?.counter
      if (counter)
        await trx.raw(
          `select setval(:counter, greatest(coalesce(max("${name}"), 0) + 1, nextval(:counter)), false) from ${table}`,
          { counter },
        )
    }
  }
}
