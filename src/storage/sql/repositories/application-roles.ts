import type { Knex } from 'knex'
import { DomainError } from '../../../domain/errors.ts'
import type {
  ApplicationRole,
  ApplicationRoleRepository,
  StoredApplicationRole,
} from '../../../domain/permissions/ports.ts'
import { isStorable, SQLSTATE, sqlState } from '../rows.ts'

type Row = Omit<ApplicationRole, 'clientId'> & { client_id: string; version: number | bigint }

export class SqlApplicationRoles implements ApplicationRoleRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async all(): Promise<StoredApplicationRole[]> {
    const rows = await this.#knex<Row>('application_roles').orderByRaw(
      'client_id collate "C", name collate "C"',
    )
    return rows.map(roleOf)
  }

  async list(clientId: string): Promise<StoredApplicationRole[]> {
    if (!isStorable(clientId)) return []
    const roles = this.#knex<Row>('application_roles').where({ client_id: clientId })
    return (await roles.orderByRaw('name collate "C"').select()).map(roleOf)
  }

  async find(clientId: string, name: string): Promise<StoredApplicationRole | undefined> {
    if (!isStorable(clientId) || !isStorable(name)) return undefined
    const row = await this.#one(clientId, name)
    return row && roleOf(row)
  }

  async lock(
    clientId: string,
    name: string,
    how: 'share' | 'update',
  ): Promise<StoredApplicationRole | undefined> {
    if (!isStorable(clientId) || !isStorable(name)) return undefined
    const role = this.#one(clientId, name)
    const row = await (how === 'share' ? role.forShare() : role.forUpdate())
    return row && roleOf(row)
  }

  async insert({ clientId, name, description }: ApplicationRole): Promise<boolean> {
    const known =
      isStorable(clientId) && (await this.#knex('clients').where({ id: clientId }).forShare().first('id'))
    if (!known) throw new DomainError('not_found')
    const rows = await this.#knex('application_roles')
      .insert({ client_id: clientId, name, description })
      .onConflict(['client_id', 'name'])
      .ignore()
      .returning('name')
    return rows.length === 1
  }

  async change(
    { clientId, name, description }: ApplicationRole,
    version: number | undefined,
  ): Promise<boolean> {
    const changed = await this.#knex('application_roles')
      .where({ client_id: clientId, name, ...(version === undefined ? {} : { version }) })
      .update({ description })
    return changed === 1
  }

  async delete(clientId: string, name: string): Promise<void> {
    await this.#knex('application_roles').where({ client_id: clientId, name }).delete()
  }

  async countHolders(clientId: string, name: string): Promise<number> {
    const [row] = await this.#knex('user_application_roles').where({ client_id: clientId, name }).count()
    return Number(row?.count)
  }

  async give(userId: string, clientId: string, name: string): Promise<boolean> {
    try {
      const rows = await this.#knex('user_application_roles')
        .insert({ user_id: userId, client_id: clientId, name })
        .onConflict(['user_id', 'client_id', 'name'])
        .ignore()
        .returning('name')
      return rows.length === 1
    } catch (cause) {
      throw sqlState(cause) === SQLSTATE.foreignKey ? new DomainError('not_found', { cause }) : cause
    }
  }

  async take(userId: string, clientId: string, name: string): Promise<boolean> {
    if (![userId, clientId, name].every(isStorable)) return false
    const given = { user_id: userId, client_id: clientId, name }
    return (await this.#knex('user_application_roles').where(given).delete()) === 1
  }

  async ofPerson(userId: string): Promise<{ clientId: string; name: string }[]> {
    const rows = await this.#knex('user_application_roles')
      .where({ user_id: userId })
      .orderByRaw('client_id collate "C", name collate "C"')
      .select('client_id', 'name')
    return rows.map(({ client_id, name }) => ({ clientId: client_id, name }))
  }

  async namesOf(userId: string, clientId: string): Promise<string[]> {
    return this.#knex('user_application_roles')
      .where({ user_id: userId, client_id: clientId })
      .orderByRaw('name collate "C"')
      .pluck('name')
  }

  #one(clientId: string, name: string) {
    return this.#knex<Row>('application_roles').where({ client_id: clientId, name }).first()
  }
}

function roleOf({ client_id, name, description, version }: Row): StoredApplicationRole {
  return { clientId: client_id, name, description, version: Number(version) }
}
