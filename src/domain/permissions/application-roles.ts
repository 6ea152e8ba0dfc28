/**
 * Roles inside applications: defined for one, given to people, and told to that one alone when it asks by the scope
 * `roles` (claim `roles`). They allow nothing here. One transaction each, with its audit record.
 */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import { record } from '../audit/record.ts'
import { DomainError } from '../errors.ts'
import type { Database, Repositories } from '../ports.ts'
import type { ApplicationRole, StoredApplicationRole } from './ports.ts'

export class ApplicationRoles {
  readonly #database: Pick<Database, 'transaction' | 'applicationRoles'>

  constructor(database: Pick<Database, 'transaction' | 'applicationRoles'>) {
    this.#database = database
  }

  list(clientId: string): Promise<StoredApplicationRole[]> {
    return this.#database.applicationRoles.list(clientId)
  }

  find(clientId: string, name: string): Promise<StoredApplicationRole | undefined> {
    return this.#database.applicationRoles.find(clientId, name)
  }

  ofPerson(userId: string): Promise<{ clientId: string; name: string }[]> {
    return this.#database.applicationRoles.ofPerson(userId)
  }

  /** @throws `not_found`: no such client; `role_taken` */
  create(role: ApplicationRole, actor: Actor): Promise<StoredApplicationRole> {
    return this.#change('application_role.created', role, actor, async ({ applicationRoles }) => {
      if (!(await applicationRoles.insert(role))) throw new DomainError('role_taken')
    })
  }

  /**
   * @param version the one that was seen; undefined: whatever it is now
   * @throws `not_found`, `stale`
   */
  update(role: ApplicationRole, version: number | undefined, actor: Actor): Promise<StoredApplicationRole> {
    return this.#change('application_role.updated', role, actor, async ({ applicationRoles }) => {
      if (!(await applicationRoles.lock(role.clientId, role.name, 'update')))
        throw new DomainError('not_found')
      if (!(await applicationRoles.change(role, version))) throw new DomainError('stale')
    })
  }

  /**
   * @param force takes it from those who have it; otherwise `role_in_use` says how many they are
   * @throws `not_found`, `role_in_use`
   */
  async delete(clientId: string, name: string, force: boolean, actor: Actor): Promise<void> {
    await this.#database.transaction(async (repositories) => {
      const { applicationRoles } = repositories
      if (!(await applicationRoles.lock(clientId, name, 'update'))) throw new DomainError('not_found')
      const holders = await applicationRoles.countHolders(clientId, name)
      if (holders > 0 && !force)
        throw new DomainError('role_in_use', {
          detail: `${holders} ${holders === 1 ? 'person has' : 'people have'} the role: take it from them, or delete with force`,
        })
      await applicationRoles.delete(clientId, name)
      await record(repositories, 'application_role.deleted', { clientId }, actor, { role: name, holders })
    })
  }

  /** Giving what they have is no fault, and no event. Throws `not_found`: no such person, or no such role. */
  async give(userId: string, clientId: string, name: string, actor: Actor): Promise<void> {
    await this.#database.transaction(async (repositories) => {
      const { applicationRoles, people } = repositories
      if (!(await people.find(userId))) throw new DomainError('not_found')
      if (!(await applicationRoles.lock(clientId, name, 'share'))) throw new DomainError('not_found')
      if (await applicationRoles.give(userId, clientId, name))
        await record(repositories, 'application_role.given', { userId, clientId }, actor, { role: name })
    })
  }

  /** @throws `not_found`: they do not have it */
  async take(userId: string, clientId: string, name: string, actor: Actor): Promise<void> {
    await this.#database.transaction(async (repositories) => {
      if (!(await repositories.applicationRoles.take(userId, clientId, name)))
        throw new DomainError('not_found')
      await record(repositories, 'application_role.taken', { userId, clientId }, actor, { role: name })
    })
  }

  async #change(
    event: AuditEventName,
    { clientId, name }: ApplicationRole,
    actor: Actor,
    change: (repositories: Repositories) => Promise<void>,
  ): Promise<StoredApplicationRole> {
    const role = await this.#database.transaction(async (repositories) => {
      await change(repositories)
      await record(repositories, event, { clientId }, actor, { role: name })
      return repositories.applicationRoles.find(clientId, name)
    })
    if (!role) throw new DomainError('not_found')
    return role
  }
}
