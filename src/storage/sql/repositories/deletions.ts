import type { Knex } from 'knex'
import type { DeletionRepository } from '../../../domain/users/deletion.ts'
import type { User } from '../../../domain/users/user.ts'
import { isStorable } from '../rows.ts'

export class SqlDeletions implements DeletionRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async begin(userId: string, statusBefore: User['status'], seconds: number): Promise<Date | undefined> {
    if (!isStorable(userId)) return undefined
    const { rows } = await this.#knex.raw(
      `insert into user_deletions (user_id, status_before, erase_at)
       values (:userId, :statusBefore, now() + make_interval(secs => cast(:seconds as float8)))
       on conflict (user_id) do nothing returning erase_at`,
      { userId, statusBefore, seconds },
    )
    return rows[0]?.erase_at
  }

  async undo(userId: string): Promise<User['status'] | undefined> {
    if (!isStorable(userId)) return undefined
    const [row] = await this.#knex('user_deletions')
      .where({ user_id: userId })
      .delete()
      .returning('status_before')
    return row?.status_before
  }

  async isDeleted(userId: string): Promise<boolean> {
    if (!isStorable(userId)) return false
    return (await this.#knex('user_deletions').where({ user_id: userId }).first('user_id')) !== undefined
  }

  async takeDue(): Promise<string | undefined> {
    const row = await this.#knex('user_deletions')
      .where('erase_at', '<=', this.#knex.fn.now())
      .orderBy('erase_at')
      .forUpdate()
      .skipLocked()
      .first('user_id')
    return row?.user_id
  }
}
