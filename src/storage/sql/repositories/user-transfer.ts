/** Many people in a few statements, for import and export. */
import type { Knex } from 'knex'
import { usernameKey } from '../../../domain/users/identifiers.ts'
import type {
  KnownPeople,
  PersonToInsert,
  StoredPerson,
  UserTransferRepository,
} from '../../../domain/users/transfer/ports.ts'
import { type PersonRow, personOf, ROLES } from './people-directory.ts'
import { rowOf } from './user-rows.ts'

/** Rows of one statement: each has two dozen columns, and a statement has at most 65,535 values. */
const ROWS = 250

const HAS_PASSWORD = 'exists (select from passwords where user_id = users.id) as has_password'

export class SqlUserTransfer implements UserTransferRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async known(names: { ids: string[]; emails: string[]; usernames: string[] }): Promise<KnownPeople> {
    const people = await this.#knex<PersonRow & { has_password: boolean }>('users')
      .select('*', this.#knex.raw(ROLES), this.#knex.raw(HAS_PASSWORD))
      .whereRaw('id = any(?)', [names.ids])
      .orWhereRaw('email_key = any(?)', [names.emails])
      .orWhereRaw('username_key = any(?)', [names.usernames])
    const held = await this.#knex('usernames')
      .whereRaw('username_key = any(?)', [names.usernames])
      .andWhere((live) => live.whereNotNull('user_id').orWhere('expires_at', '>', this.#knex.fn.now()))
      .pluck('username_key')
    return { people: people.map((row) => ({ ...personOf(row), hasPassword: row.has_password })), held }
  }

  async insert(people: readonly PersonToInsert[]): Promise<boolean> {
    for (let from = 0; from < people.length; from += ROWS)
      if (!(await this.#insertSome(people.slice(from, from + ROWS)))) return false
    return true
  }

  async page(
    after: string | undefined,
    limit: number,
  ): Promise<(StoredPerson & { phc: string | undefined })[]> {
    const query = this.#knex<PersonRow & { phc: string | null }>('users')
      .select('users.*', 'passwords.phc', this.#knex.raw(ROLES))
      .leftJoin('passwords', 'passwords.user_id', 'users.id')
      // On their way out: an import elsewhere would keep them.
      .whereRaw('not exists (select from user_deletions where user_id = users.id)')
      .orderByRaw('email_key collate "C"')
      .limit(limit)
    if (after !== undefined) query.whereRaw('email_key collate "C" > ?', [after])
    const rows = await query
    return rows.map((row) => ({ ...personOf(row), phc: row.phc ?? undefined }))
  }

  async #insertSome(people: readonly PersonToInsert[]): Promise<boolean> {
    const rows = people.map(({ status, createdAt, ...person }) => ({
      ...rowOf(person),
      ...{ status, created_at: createdAt },
    }))
    const inserted = await this.#knex('users').insert(rows).onConflict().ignore().returning('id')
    if (inserted.length < people.length) return false
    if (!(await this.#takeNames(people))) return false
    const passwords = people.flatMap(({ id, phc }) => (phc === undefined ? [] : [{ user_id: id, phc }]))
    if (passwords.length > 0) await this.#knex('passwords').insert(passwords)
    const roles = people.flatMap(({ id, roles }) => roles.map((role) => ({ user_id: id, role })))
    if (roles.length > 0) await this.#knex('user_roles').insert(roles)
    return true
  }

  /** As `SqlUsers.takeUsername`: a name that a registration holds is not free until that has run out. */
  async #takeNames(people: readonly PersonToInsert[]): Promise<boolean> {
    const names = people.flatMap(({ id, username }) =>
      username === undefined ? [] : [{ username_key: usernameKey(username), user_id: id }],
    )
    if (names.length === 0) return true
    const taken = await this.#knex('usernames')
      .insert(names)
      .onConflict('username_key')
      .merge({ user_id: this.#knex.raw('excluded.user_id'), flow: null, expires_at: null })
      .whereRaw('usernames.user_id is null and usernames.expires_at <= now()')
      .returning('username_key')
    return taken.length === names.length
  }
}
