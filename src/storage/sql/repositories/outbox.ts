import type { Knex } from 'knex'
import type { OutboxJobs, OutboxKind } from '../../../domain/outbox.ts'
import type { OutboxRepository, OutboxRow } from '../../../domain/ports.ts'
import { cleaned, toJson } from '../rows.ts'

/** All times are the database's: workers on several machines need not agree about theirs. */
export class SqlOutbox implements OutboxRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async insert(job: OutboxJobs[OutboxKind]): Promise<void> {
    await this.#knex('outbox').insert({ job: toJson(job) })
  }

  async claim<K extends OutboxKind>(
    kind: K,
    limit: number,
    leaseSeconds: number,
    except: readonly string[] = [],
  ): Promise<OutboxRow<K>[]> {
    const { rows } = await this.#knex.raw(
      `with due as (
         select id from outbox
         where kind = :kind and dead_at is null and due_at <= now() and (leased_until is null or leased_until <= now())
           and (lane is null or lane <> all (cast(:except as text[])))
         order by due_at limit cast(:limit as int) for update skip locked)
       update outbox set attempts = attempts + 1, leased_until = now() + make_interval(secs => cast(:lease as float8))
       from due where outbox.id = due.id
       returning outbox.id, outbox.job, outbox.attempts`,
      { kind, limit, lease: leaseSeconds, except: [...except] },
    )
    return rows
  }

  async done(id: string): Promise<void> {
    await this.#knex('outbox').where({ id }).delete()
  }

  async retry(id: string, afterSeconds: number, error: string): Promise<void> {
    await this.#knex('outbox')
      .where({ id })
      .whereNull('dead_at')
      .update({
        due_at: this.#knex.raw('now() + make_interval(secs => ?::float8)', [afterSeconds]),
        leased_until: null,
        last_error: cleaned(error),
      })
  }

  async bury(id: string, error: string): Promise<void> {
    await this.#knex('outbox')
      .where({ id })
      .update({ dead_at: this.#knex.fn.now(), leased_until: null, last_error: cleaned(error) })
  }

  async counts(kind: OutboxKind): Promise<{ waiting: number; dead: number }> {
    const { rows } = await this.#knex.raw(
      'select count(*) filter (where dead_at is null) as waiting, count(dead_at) as dead from outbox where kind = ?',
      [kind],
    )
    return { waiting: Number(rows[0].waiting), dead: Number(rows[0].dead) }
  }

  async lagSeconds(kind: OutboxKind): Promise<number> {
    const { rows } = await this.#knex.raw(
      `select coalesce(greatest(extract(epoch from now() - min(due_at)), 0), 0)::float8 as lag
         from outbox where kind = ? and dead_at is null`,
      [kind],
    )
    return Number(rows[0].lag)
  }
}
