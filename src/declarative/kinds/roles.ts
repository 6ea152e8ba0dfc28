/** Roles of the deployment as a file declares them; the built-in ones are nobody's to change. Who has them is no matter of a file. */
import type { Actor } from '../../domain/access/service.ts'
import type { JsonObject } from '../../domain/authorization/json.ts'
import type { Step } from '../../domain/declarative/plan.ts'
import { isRole, type Permission } from '../../domain/permissions/permissions.ts'
import type { CustomRole } from '../../domain/permissions/ports.ts'
import type { Roles as Service } from '../../domain/permissions/roles.ts'
import type { Repositories } from '../../domain/ports.ts'
import { assertAsShown, type Kind, type Problem, withoutDefaults } from '../kind.ts'

export interface RolesDeps {
  repositories: Pick<Repositories, 'roles'>
  service: Service
}

const NAME = /^[a-z][a-z0-9_-]{0,63}$/
const USUAL = { description: '', permissions: [] }

export class RoleKind implements Kind {
  readonly name = 'roles'
  readonly isDeletable = true
  readonly #deps: RolesDeps

  constructor(deps: RolesDeps) {
    this.#deps = deps
  }

  isDeclarable(id: string): boolean {
    return !isRole(id)
  }

  async current(): Promise<Map<string, JsonObject>> {
    return new Map((await this.#deps.service.list()).map((role) => [role.name, valueFrom(role)]))
  }

  async wanted(_id: string, { permissions = [], ...entry }: JsonObject): Promise<JsonObject> {
    return withoutDefaults({ ...entry, permissions: [...new Set(permissions as string[])].sort() }, USUAL)
  }

  async problems(id: string, value: JsonObject | 'absent'): Promise<Problem[]> {
    if (!this.isDeclarable(id)) return [{ problem: `role "${id}" is built in and cannot be changed` }]
    if (!NAME.test(id))
      return [{ problem: `role "${id}" must be named in lower case letters, digits, - and _` }]
    const held = value === 'absent' && (await this.#deps.repositories.roles.holders(id, 1)).length > 0
    return held ? [{ problem: `role "${id}" is held: take it from those who have it first` }] : []
  }

  async apply({ id, do: what, members }: Step, value: JsonObject | undefined, actor: Actor): Promise<void> {
    const { service, repositories } = this.#deps
    if (what === 'delete') return service.delete(id, false, actor)
    const role = roleOf(id, value as JsonObject)
    if (what === 'create') return void (await service.create(role, actor))
    const seen = await repositories.roles.lock(id, 'update')
    assertAsShown(members, seen ? valueFrom(seen) : {})
    await service.update(id, undefined, role, actor)
  }
}

function valueFrom({ description, permissions }: CustomRole): JsonObject {
  return withoutDefaults({ description, permissions: [...permissions].sort() }, USUAL)
}

function roleOf(name: string, value: JsonObject): CustomRole {
  const { description, permissions } = { ...USUAL, ...value }
  return { name, description: String(description), permissions: permissions as Permission[] }
}
