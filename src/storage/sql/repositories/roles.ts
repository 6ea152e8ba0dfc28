import type { Knex } from 'knex'
import type { HeldRole } from '../../../domain/permissions/permissions.ts'
import type { CustomRole, RoleRepository, StoredRole } from '../../../domain/permissions/ports.ts'
import { isStorable, orUndefined, toJson } from '../rows.ts'

type Row = CustomRole & { version: number | bigint }

export class SqlRoles implements RoleRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async list(): Promise<StoredRole[]> {
    return (await this.#knex<Row>('roles').orderByRaw('name collate "C"').select()).map(roleOf)
  }

  async find(name: string): Promise<StoredRole | undefined> {
    if (!isStorable(name)) return undefined
    const row = await this.#knex<Row>('roles').where({ name }).first()
    return row && roleOf(row)
  }

  async lock(name: string, how: 'share' | 'update'): Promise<StoredRole | undefined> {
    if (!isStorable(name)) return undefined
    const role = this.#knex<Row>('roles').where({ name }).first()
    const row = await (how === 'share' ? role.forShare() : role.forUpdate())
    return row && roleOf(row)
  }

  async insert({ name, description, permissions }: CustomRole): Promise<boolean> {
    const rows = await this.#knex('roles')
      .insert({ name, description, permissions: toJson(permissions) })
      .onConflict('name')
      .ignore()
      .returning('name')
    return rows.length === 1
  }

  async change(
    { name, description, permissions }: CustomRole,
    version: number | undefined,
  ): Promise<boolean> {
    const changed = await this.#knex('roles')
      .where({ name, ...(version === undefined ? {} : { version }) })
      .update({ description, permissions: toJson(permissions) })
    return changed === 1
  }

  async delete(name: string): Promise<void> {
    await this.#knex('roles').where({ name }).delete()
  }

  async holders(role: string, limit: number): Promise<string[]> {
    return this.#knex('user_roles').where({ role }).orderBy('user_id').limit(limit).pluck('user_id')
  }

  async takeFromAll(role: string): Promise<string[]> {
    const rows = await this.#knex('user_roles').where({ role }).delete().returning('user_id')
    return rows.map(({ user_id }) => user_id)
  }

  async heldBy(userId: string): Promise<HeldRole[]> {
    const rows = await this.#knex('user_roles')
      .leftJoin('roles', 'roles.name', 'user_roles.role')
      .where({ user_id: userId })
      .select<{ role: string; permissions: string[] | null }[]>('role', 'permissions')
    return rows.map(({ role, permissions }) => ({ name: role, permissions: orUndefined(permissions) }))
  }
}

function roleOf({ name, description, permissions, version }: Row): StoredRole {
  return { name, description, permissions, version: Number(version) }
}
