import type { Knex } from 'knex'
import { COUNTED, type Counts, NOTHING, type UsageRepository } from '../../../domain/operations/usage.ts'
import * as sql from '../artifact-sql.ts'

interface Row {
  day: string
  name: keyof Counts
  count: number | bigint | string
}

export class SqlUsage implements UsageRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async kept(days: readonly string[]): Promise<Map<string, Counts>> {
    const { rows } = await this.#knex.raw<{ rows: Row[] }>(
      'select day::text, name, count from usage_days where day = any (cast(:days as date[]))',
      { days: [...days] },
    )
    return byDay(rows, [])
  }

  async count(days: readonly string[]): Promise<Map<string, Counts>> {
    // The bounds find the pages (a BRIN index), the list the days.
    const { rows } = await this.#knex.raw<{ rows: Row[] }>(
      `select (created_at at time zone 'UTC')::date::text as day, name, count(*) as count from audit_events
       where created_at >= cast(:first as date)::timestamp at time zone 'UTC'
         and created_at < (cast(:last as date) + 1)::timestamp at time zone 'UTC'
         and name = any (cast(:names as text[]))
         and (created_at at time zone 'UTC')::date = any (cast(:days as date[]))
       group by 1, 2`,
      { first: days[0] ?? null, last: days.at(-1) ?? null, names: [...COUNTED], days: [...days] },
    )
    return byDay(rows, days)
  }

  async keep(counts: ReadonlyMap<string, Counts>): Promise<void> {
    const rows = [...counts].flatMap(([day, one]) => COUNTED.map((name) => ({ day, name, count: one[name] })))
    await this.#knex('usage_days').insert(rows).onConflict(['day', 'name']).ignore()
  }

  async openSessions(): Promise<number> {
    const { rows } = await this.#knex.raw(
      `select count(*) as open from ${sql.FAMILIES} where ended_at is null and ${sql.alive(sql.FAMILIES)}`,
    )
    return Number(rows[0].open)
  }
}

/** @param all days that are answered for even where nothing happened */
function byDay(rows: readonly Row[], all: readonly string[]): Map<string, Counts> {
  const days = new Map<string, Counts>(all.map((day) => [day, { ...NOTHING }]))
  for (const { day, name, count } of rows) {
    const counts = days.get(day) ?? { ...NOTHING }
    counts[name] = Number(count)
    days.set(day, counts)
  }
  return days
}
