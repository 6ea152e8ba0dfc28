import type { Knex } from 'knex'
import type { Consent } from '../../../domain/consents/consent.ts'
import type {
  PageOf,
  PeopleDirectory,
  Person,
  UserChanges,
  UserOrder,
  UserQuery,
} from '../../../domain/directory/directory.ts'
import { DomainError } from '../../../domain/errors.ts'
import { emailKey, usernameKey } from '../../../domain/users/identifiers.ts'
import { isStorable, SQLSTATE, sqlState } from '../rows.ts'
import { keepingAnOwner } from './owners.ts'
import { beginsWith, inPages, type Ordering, pageOf } from './paging.ts'
import { profileColumns, type UserRow, userOf } from './user-rows.ts'

export type PersonRow = UserRow & { version: number; roles: string[]; erase_at: Date | null }
type Row = PersonRow & { position: string }

const ORDERINGS: Record<UserOrder, Ordering> = {
  created_at: { by: 'created_at', type: 'timestamptz' },
  '-created_at': { by: 'created_at', type: 'timestamptz', descending: true },
  email: { by: 'email_key collate "C"', type: 'text' },
  '-email': { by: 'email_key collate "C"', type: 'text', descending: true },
  // Who has none comes first; the index is over the same expression.
  username: { by: `coalesce(username_key, '') collate "C"`, type: 'text' },
  '-username': { by: `coalesce(username_key, '') collate "C"`, type: 'text', descending: true },
  name: { by: `coalesce(lower(name), '') collate "C"`, type: 'text' },
  '-name': { by: `coalesce(lower(name), '') collate "C"`, type: 'text', descending: true },
  updated_at: { by: 'updated_at', type: 'timestamptz' },
  '-updated_at': { by: 'updated_at', type: 'timestamptz', descending: true },
}

/** Columns of a query over `users`. */
export const ROLES = `array(select role from user_roles where user_id = users.id order by role) as roles,
  (select erase_at from user_deletions where user_id = users.id) as erase_at`

export class SqlPeopleDirectory implements PeopleDirectory {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<Person | undefined> {
    if (!isStorable(id)) return undefined
    const row = await this.#knex('users').where({ id }).first<Row>('*', this.#knex.raw(ROLES))
    return row && personOf(row)
  }

  async list(query: UserQuery): Promise<PageOf<Person>> {
    const { search, status, role, order } = query
    const ordering = ORDERINGS[order]
    const people = this.#knex('users').select(
      '*',
      this.#knex.raw(ROLES),
      this.#knex.raw(`(${ordering.by})::text as position`),
    )
    if (status) people.where({ status })
    if (role) people.whereIn('id', this.#knex('user_roles').where({ role }).select('user_id'))
    if (search) {
      const like = beginsWith(emailKey(search))
      people.whereRaw(
        `(email_key collate "C" like :like or username_key collate "C" like :like or lower(name) collate "C" like :like)`,
        { like },
      )
    }
    const beginnings = {
      email_key: query.email && emailKey(query.email),
      username_key: query.username && usernameKey(query.username),
      'lower(name)': query.name?.toLowerCase(),
    }
    for (const [column, text] of Object.entries(beginnings))
      if (text !== undefined) people.whereRaw(`${column} collate "C" like ?`, [beginsWith(text)])
    if (query.emailVerified !== undefined) people.where({ email_verified: query.emailVerified })
    if (query.createdSince) people.where('created_at', '>=', query.createdSince)
    if (query.createdUntil) people.where('created_at', '<', query.createdUntil)
    const rows: Row[] = await inPages(people, ordering, query)
    return pageOf(rows, query, personOf, ({ position, id }) => ({ key: position, id }))
  }

  async change(id: string, version: number | undefined, changes: UserChanges): Promise<boolean> {
    if (!isStorable(id)) return false
    const { email, profile = {} } = changes
    if (email !== undefined && (await this.#isTaken(email, id))) throw new DomainError('email_taken')
    const phone = 'phoneNumber' in profile ? { phone_number_verified: null } : {}
    const changed = await this.#update(id, version, {
      ...profileColumns(profile),
      ...phone,
      ...(email === undefined ? {} : this.#address(email)),
      updated_at: this.#knex.fn.now(),
    })
    return changed === 1
  }

  /** Somebody may take the address between the look at it and the change. */
  async #update(id: string, version: number | undefined, columns: object): Promise<number> {
    try {
      return await this.#knex('users')
        .where({ id, ...(version === undefined ? {} : { version }) })
        .update(columns)
    } catch (cause) {
      throw sqlState(cause) === SQLSTATE.unique ? new DomainError('email_taken', { cause }) : cause
    }
  }

  removeRole(id: string, role: string): Promise<boolean> {
    return keepingAnOwner(
      async () => (await this.#knex('user_roles').where({ user_id: id, role }).delete()) === 1,
    )
  }

  async consents(userId: string): Promise<(Consent & { updatedAt: Date })[]> {
    const rows = await this.#knex('consents').where({ user_id: userId }).orderBy('client_id')
    return rows.map(({ client_id, scopes, claims, resources, updated_at }) => ({
      ...{ userId, clientId: client_id, scopes, claims, resources, updatedAt: updated_at },
    }))
  }

  /** The same address in other letters stays as verified as it was. */
  #address(email: string) {
    const key = emailKey(email)
    const verified = this.#knex.raw('email_verified and email_key = ?', [key])
    return { email: email.trim(), email_key: key, email_verified: verified }
  }

  async #isTaken(email: string, by: string): Promise<boolean> {
    const other = await this.#knex('users')
      .where({ email_key: emailKey(email) })
      .whereNot({ id: by })
      .first('id')
    return other !== undefined
  }
}

export function personOf(row: PersonRow): Person {
  return {
    ...userOf(row),
    ...{ version: Number(row.version), roles: row.roles, eraseAt: row.erase_at ?? undefined },
  }
}
