/** Roles inside applications as a file declares them, each as `client_id/name`. Who has them is no matter of a file. */
import type { Actor } from '../../domain/access/service.ts'
import type { JsonObject } from '../../domain/authorization/json.ts'
import type { Step } from '../../domain/declarative/plan.ts'
import { DomainError, isDomainError } from '../../domain/errors.ts'
import type { ApplicationRoles as Service } from '../../domain/permissions/application-roles.ts'
import type { ApplicationRole } from '../../domain/permissions/ports.ts'
import type { Repositories } from '../../domain/ports.ts'
import { type Kind, type Problem, withoutDefaults } from '../kind.ts'

export interface ApplicationRolesDeps {
  repositories: Pick<Repositories, 'applicationRoles'>
  service: Service
}

/** A client's id may hold slashes, too: the name is what follows the last. */
const ID = /^(.+)\/([A-Za-z0-9][A-Za-z0-9._:-]{0,99})$/
const USUAL = { description: '' }

export class ApplicationRoleKind implements Kind {
  readonly name = 'application_roles'
  readonly isDeletable = true
  readonly #deps: ApplicationRolesDeps

  constructor(deps: ApplicationRolesDeps) {
    this.#deps = deps
  }

  /** A name with a slash in it cannot be told from the client's id. */
  isDeclarable(id: string): boolean {
    return ID.test(id)
  }

  async current(): Promise<Map<string, JsonObject>> {
    const all = await this.#deps.repositories.applicationRoles.all()
    return new Map(
      all
        .filter(({ name }) => !name.includes('/'))
        .map(({ clientId, name, description }) => [
          `${clientId}/${name}`,
          withoutDefaults({ description }, USUAL),
        ]),
    )
  }

  async wanted(_id: string, entry: JsonObject): Promise<JsonObject> {
    return withoutDefaults(entry, USUAL)
  }

  async problems(id: string, value: JsonObject | 'absent'): Promise<Problem[]> {
    if (!this.isDeclarable(id))
      return [{ problem: `"${id}" must be the client_id, a slash, and a name without slashes` }]
    const { clientId, name } = roleOf(id, {})
    const holders =
      value === 'absent' ? await this.#deps.repositories.applicationRoles.countHolders(clientId, name) : 0
    return holders > 0
      ? [{ problem: `application role "${id}" is held: take it from those who have it first` }]
      : []
  }

  async apply({ id, do: what }: Step, value: JsonObject | undefined, actor: Actor): Promise<void> {
    const { service } = this.#deps
    const role = roleOf(id, value ?? {})
    if (what === 'delete') return service.delete(role.clientId, role.name, false, actor)
    try {
      await (what === 'create' ? service.create(role, actor) : service.update(role, undefined, actor))
    } catch (error) {
      if (!isDomainError(error, 'not_found')) throw error
      throw new DomainError('not_found', {
        cause: error,
        detail: `application role "${id}": there is no client "${role.clientId}"`,
      })
    }
  }
}

function roleOf(id: string, value: JsonObject): ApplicationRole {
  const [, clientId = '', name = ''] = ID.exec(id) ?? []
  return { clientId, name, description: String(value.description ?? '') }
}
