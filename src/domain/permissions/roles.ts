/**
 * Roles of the deployment that owners make beside the built-in ones, which nobody changes. One transaction each, with
 * its audit record. Whoever makes, changes, deletes or gives a role holds everything it allows: so no role grows by
 * somebody who has less (docs/decisions/0042-roles-and-service-accounts.md).
 */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import { record } from '../audit/record.ts'
import type { Person } from '../directory/directory.ts'
import { DomainError } from '../errors.ts'
import type { Database, Repositories } from '../ports.ts'
import { isRole, isWithin, type Permission, ROLES } from './permissions.ts'
import type { CustomRole, StoredRole } from './ports.ts'

/** Of those who have a role that is to go, so many are named. */
const NAMED = 20

export interface RoleChanges {
  description?: string | undefined
  permissions?: readonly Permission[] | undefined
}

export class Roles {
  readonly #database: Pick<Database, 'transaction' | 'roles'>

  constructor(database: Pick<Database, 'transaction' | 'roles'>) {
    this.#database = database
  }

  /** Those that were made here, by name. */
  list(): Promise<StoredRole[]> {
    return this.#database.roles.list()
  }

  /** One that was made here. */
  find(name: string): Promise<StoredRole | undefined> {
    return this.#database.roles.find(name)
  }

  /** @throws `role_taken`, `forbidden` */
  create(role: CustomRole, actor: Actor): Promise<StoredRole> {
    return this.#change('role.created', role.name, actor, async ({ roles }) => {
      assertWithin(actor, role.permissions)
      if (isRole(role.name) || !(await roles.insert(role))) throw new DomainError('role_taken')
    })
  }

  /**
   * What those who have it may changes with their next request.
   * @param version the one that was seen; undefined: whatever it is now
   * @throws `not_found`, `stale`, `built_in_role`, `forbidden`
   */
  update(
    name: string,
    version: number | undefined,
    { description, permissions }: RoleChanges,
    actor: Actor,
  ): Promise<StoredRole> {
    return this.#change('role.updated', name, actor, async ({ roles }) => {
      const before = await ownRole(name, { roles })
      const after = {
        name,
        description: description ?? before.description,
        permissions: permissions ?? before.permissions,
      }
      assertWithin(actor, [...before.permissions, ...after.permissions])
      if (!(await roles.change(after, version))) throw new DomainError('stale')
    })
  }

  /**
   * @param force takes it from those who have it; otherwise `role_in_use` names them
   * @throws `not_found`, `built_in_role`, `role_in_use`, `forbidden`
   */
  async delete(name: string, force: boolean, actor: Actor): Promise<void> {
    await this.#database.transaction(async ({ roles, audit }) => {
      const { permissions } = await ownRole(name, { roles })
      assertWithin(actor, permissions)
      const holders = await roles.holders(name, NAMED + 1)
      if (holders.length > 0 && !force) throw new DomainError('role_in_use', { detail: inUse(holders) })
      for (const userId of await roles.takeFromAll(name))
        await record({ audit }, 'role.taken', { userId }, actor, { role: name })
      await roles.delete(name)
      await record({ audit }, 'role.deleted', {}, actor, { role: name })
    })
  }

  /**
   * Giving what they have is no fault, and no event.
   * @throws `not_found`: no such person, or no such role; `forbidden` when it allows more than the giver may
   */
  give(userId: string, name: string, actor: Actor): Promise<Person> {
    return this.#changeOf(userId, 'role.given', name, actor, async (repositories) => {
      await assertGivable(repositories, name, actor)
      return repositories.users.addRole(userId, name)
    })
  }

  /** @throws `not_found` (also where they do not have it), `last_owner` */
  take(userId: string, name: string, actor: Actor): Promise<Person> {
    return this.#changeOf(userId, 'role.taken', name, actor, async ({ people }) => {
      if (!(await people.removeRole(userId, name))) throw new DomainError('not_found')
      return true
    })
  }

  /** @param change answers false when nothing had to be changed: then nothing is recorded */
  async #changeOf(
    userId: string,
    event: AuditEventName,
    role: string,
    actor: Actor,
    change: (repositories: Repositories) => Promise<boolean>,
  ): Promise<Person> {
    const person = await this.#database.transaction(async (repositories) => {
      const { people } = repositories
      if (!(await people.find(userId))) throw new DomainError('not_found')
      if (await change(repositories)) await record(repositories, event, { userId }, actor, { role })
      return people.find(userId)
    })
    if (!person) throw new DomainError('not_found')
    return person
  }

  async #change(
    event: AuditEventName,
    name: string,
    actor: Actor,
    change: (repositories: Repositories) => Promise<void>,
  ): Promise<StoredRole> {
    const role = await this.#database.transaction(async (repositories) => {
      await change(repositories)
      const role = await repositories.roles.find(name)
      const permissions = role?.permissions.join(' ') ?? ''
      await record(repositories, event, {}, actor, { role: name, permissions })
      return role
    })
    if (!role) throw new DomainError('not_found')
    return role
  }
}

/**
 * What a person is about to be given, held until the transaction ends: a role that is being deleted is not given.
 * @throws `not_found`, `forbidden` when it allows more than the giver may
 */
export async function assertGivable(
  { roles }: Pick<Repositories, 'roles'>,
  name: string,
  actor: Actor,
): Promise<void> {
  const permissions = isRole(name) ? ROLES[name] : (await roles.lock(name, 'share'))?.permissions
  if (!permissions) throw new DomainError('not_found')
  assertWithin(actor, permissions)
}

async function ownRole(name: string, { roles }: Pick<Repositories, 'roles'>): Promise<StoredRole> {
  if (isRole(name)) throw new DomainError('built_in_role')
  const role = await roles.lock(name, 'update')
  if (!role) throw new DomainError('not_found')
  return role
}

function assertWithin({ may }: Actor, permissions: readonly Permission[]): void {
  if (!isWithin(may, permissions))
    throw new DomainError('forbidden', { detail: 'The role allows what you may not' })
}

function inUse(holders: readonly string[]): string {
  const named = holders.slice(0, NAMED).join(', ')
  return `${named}${holders.length > NAMED ? ' and others' : ''} ${holders.length > 1 ? 'have' : 'has'} the role: take it from them, or delete with force`
}
