/** Types of authorization details (RFC 9396) as a file declares them. They are disabled, never deleted: grants name them. */
import type { Actor } from '../../domain/access/service.ts'
import type { AuthorizationTypeAdministration } from '../../domain/authorization/administration.ts'
import { readTypes, TypesError } from '../../domain/authorization/declare.ts'
import type { JsonObject } from '../../domain/authorization/json.ts'
import type { AuthorizationType } from '../../domain/authorization/type.ts'
import type { Step } from '../../domain/declarative/plan.ts'
import type { Repositories } from '../../domain/ports.ts'
import { type Kind, type Problem, withoutDefaults } from '../kind.ts'

export interface AuthorizationTypesDeps {
  repositories: Pick<Repositories, 'authorizationTypes'>
  administration: AuthorizationTypeAdministration
  /** those of AUTHORIZATION_DETAILS_FILE */
  reserved: ReadonlySet<string>
}

const DEFAULTS = { actions: [], locations: [], ask: 'always', self_registered: false, status: 'active' }

export class AuthorizationTypeKind implements Kind {
  readonly name = 'authorization_types'
  readonly isDeletable = false
  readonly #deps: AuthorizationTypesDeps

  constructor(deps: AuthorizationTypesDeps) {
    this.#deps = deps
  }

  isDeclarable(id: string): boolean {
    return !this.#deps.reserved.has(id)
  }

  async current(): Promise<Map<string, JsonObject>> {
    const all = await this.#deps.repositories.authorizationTypes.list()
    return new Map(all.map((type) => [type.name, valueFrom(type)]))
  }

  async wanted(_id: string, entry: JsonObject): Promise<JsonObject> {
    return withoutDefaults(entry, DEFAULTS)
  }

  async problems(id: string, value: JsonObject | 'absent'): Promise<Problem[]> {
    if (!this.isDeclarable(id))
      return [{ problem: `type "${id}" is declared in AUTHORIZATION_DETAILS_FILE; change it there` }]
    if (value === 'absent') return [{ problem: `type "${id}" cannot be deleted; set status: disabled` }]
    try {
      typeOf(id, value)
      return []
    } catch (error) {
      if (!(error instanceof TypesError)) throw error
      return error.faults.map((problem) => ({ problem }))
    }
  }

  async apply({ id, do: what }: Step, value: JsonObject | undefined, actor: Actor): Promise<void> {
    if (what === 'delete') throw new Error('types of authorization details are not deleted')
    await this.#deps.administration.save(typeOf(id, value as JsonObject), actor)
  }
}

function typeOf(id: string, value: JsonObject): AuthorizationType {
  return readTypes({ types: [{ type: id, ...value }] })[0] as AuthorizationType
}

function valueFrom({ name: _, selfRegistered, ...type }: AuthorizationType): JsonObject {
  return withoutDefaults({ ...type, self_registered: selfRegistered }, DEFAULTS)
}
