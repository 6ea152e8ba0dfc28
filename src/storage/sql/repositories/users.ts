import type { Knex } from 'knex'
import { DomainError } from '../../../domain/errors.ts'
import type { UserRepository } from '../../../domain/ports.ts'
import { emailKey, usernameKey } from '../../../domain/users/identifiers.ts'
import type { NewUser, Profile, User } from '../../../domain/users/user.ts'
import { isStorable } from '../rows.ts'
import { keepingAnOwner } from './owners.ts'
import { profileRowOf, rowOf, type UserRow, userOf } from './user-rows.ts'

export class SqlUsers implements UserRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<User | undefined> {
    return this.#findBy('id', id)
  }

  async findByEmail(email: string): Promise<User | undefined> {
    return this.#findBy('email_key', emailKey(email))
  }

  async findByUsername(username: string): Promise<User | undefined> {
    return this.#findBy('username_key', usernameKey(username))
  }

  async insert(user: NewUser): Promise<User> {
    // DO NOTHING instead of an error, which would leave the caller's transaction unusable.
    const [row] = await this.#knex<UserRow>('users').insert(rowOf(user)).onConflict().ignore().returning('*')
    if (row) return userOf(row)
    if (await this.#findBy('email_key', emailKey(user.email))) throw new DomainError('email_taken')
    if (user.username && (await this.findByUsername(user.username))) throw new DomainError('username_taken')
    throw new Error('a user with this id exists')
  }

  async markEmailVerified(id: string, email: string): Promise<boolean> {
    const changed = await this.#knex('users')
      .where({ id, email_key: emailKey(email) })
      .update({ email_verified: true, updated_at: this.#knex.fn.now() })
    return changed === 1
  }

  async passwordHash(id: string): Promise<string | undefined> {
    const row = await this.#knex<{ user_id: string; phc: string }>('passwords')
      .where({ user_id: id })
      .first('phc')
    return row?.phc
  }

  async setPassword(id: string, phc: string): Promise<void> {
    await this.#knex('passwords')
      .insert({ user_id: id, phc, changed_at: this.#knex.fn.now() })
      .onConflict('user_id')
      .merge()
  }

  async rehashPassword(id: string, from: string, to: string): Promise<boolean> {
    // `changed_at` stays: the person did not choose another password.
    const changed = await this.#knex('passwords').where({ user_id: id, phc: from }).update({ phc: to })
    return changed === 1
  }

  async changeHash(id: string, change: (phc: string) => string): Promise<boolean> {
    const row = await this.#knex('passwords').where({ user_id: id }).forUpdate().first('phc')
    return row !== undefined && this.rehashPassword(id, row.phc, change(row.phc))
  }

  async setProfile(id: string, profile: Profile): Promise<boolean> {
    const row = { ...profileRowOf(profile), updated_at: this.#knex.fn.now() }
    return this.#change(id, (user) => user.update(row))
  }

  async addRole(id: string, role: string): Promise<boolean> {
    const added = await this.#knex('user_roles')
      .insert({ user_id: id, role })
      .onConflict(['user_id', 'role'])
      .ignore()
      .returning('role')
    return added.length === 1
  }

  async roles(id: string): Promise<string[]> {
    return this.#knex('user_roles').where({ user_id: id }).orderBy('role').pluck('role')
  }

  async anyoneHasRole(role: string): Promise<boolean> {
    return (await this.#knex('user_roles').where({ role }).first('user_id')) !== undefined
  }

  async reserveUsername(username: string, flow: string, ttlSeconds: number): Promise<boolean> {
    if (!isStorable(username)) return false
    const { rowCount } = await this.#knex.raw(
      `insert into usernames (username_key, flow, expires_at)
       select :key, :flow, now() + make_interval(secs => cast(:ttl as float8))
       where not exists (select 1 from users where username_key = :key)
       on conflict (username_key) do update set flow = excluded.flow, expires_at = excluded.expires_at
       where usernames.user_id is null
         and (usernames.expires_at <= now() or usernames.flow = excluded.flow)`,
      { key: usernameKey(username), flow, ttl: ttlSeconds },
    )
    return rowCount === 1
  }

  async takeUsername(username: string, userId: string, flow?: string): Promise<boolean> {
    if (!isStorable(username)) return false
    const key = usernameKey(username)
    const { rowCount } = await this.#knex.raw(
      `insert into usernames (username_key, user_id)
       select :key, cast(:userId as text)
       where not exists (select 1 from users where username_key = :key and id <> :userId)
       on conflict (username_key) do update set user_id = excluded.user_id, flow = null, expires_at = null
       where usernames.user_id = excluded.user_id
          or (usernames.user_id is null and (usernames.expires_at <= now() or usernames.flow = :flow))`,
      { key, userId, flow: flow ?? null },
    )
    if (rowCount !== 1) return false
    await this.#knex('users')
      .where({ id: userId })
      .update({ username: username.trim(), username_key: key, updated_at: this.#knex.fn.now() })
    return true
  }

  async setStatus(id: string, status: User['status']): Promise<boolean> {
    return this.#change(id, (user) => user.update({ status, updated_at: this.#knex.fn.now() }))
  }

  async delete(id: string): Promise<boolean> {
    return this.#change(id, (user) => user.delete())
  }

  /** Throws `last_owner`. */
  async #change(id: string, change: (user: Knex.QueryBuilder) => PromiseLike<number>): Promise<boolean> {
    return (
      isStorable(id) && (await keepingAnOwner(async () => change(this.#knex('users').where({ id })))) === 1
    )
  }

  async #findBy(column: 'id' | 'email_key' | 'username_key', value: string): Promise<User | undefined> {
    if (!isStorable(value)) return undefined
    const row = await this.#knex<UserRow>('users')
      .where(column, value)
      .first()
      .options({ name: `users.${column}` })
    return row && userOf(row)
  }
}
