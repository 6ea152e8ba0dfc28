/** APIs as a file declares them. */
import type { Actor } from '../../domain/access/service.ts'
import type { JsonObject } from '../../domain/authorization/json.ts'
import type { Step } from '../../domain/declarative/plan.ts'
import type { SigningAlgorithm } from '../../domain/keys/key.ts'
import type { Repositories } from '../../domain/ports.ts'
import {
  DEFAULTS,
  faultsOf,
  type ResourceScope,
  type ResourceServer,
  type ResourceServerSettings,
} from '../../domain/resources/resource-server.ts'
import type { ResourceServers as Service } from '../../domain/resources/service.ts'
import { assertAsShown, type Kind, type Problem, withoutDefaults } from '../kind.ts'

export interface ResourceServersDeps {
  repositories: Pick<Repositories, 'resourceServers'>
  service: Service
  /** audiences of RESOURCE_SERVERS */
  reserved: ReadonlySet<string>
  algorithms: readonly SigningAlgorithm[]
}

/** Ours, and as the file calls them: all there are. */
const NAMES: Record<Exclude<keyof ResourceServerSettings, 'audience'>, string> = {
  name: 'name',
  scopes: 'scopes',
  tokenFormat: 'token_format',
  tokenTtl: 'token_ttl',
  signingAlgorithm: 'signing_algorithm',
  clients: 'clients',
  documentation: 'documentation',
  publishMetadata: 'publish_metadata',
  exchangeable: 'exchangeable',
  includesRoles: 'includes_roles',
}
const MEMBERS = Object.entries(NAMES).map(([theirs, ours]) => [ours, theirs] as [string, keyof typeof NAMES])

const USUAL = {
  ...Object.fromEntries(MEMBERS.map(([ours, theirs]) => [ours, (DEFAULTS as JsonObject)[theirs]])),
  status: 'active',
}

export class ResourceServers implements Kind {
  readonly name = 'resource_servers'
  readonly isDeletable = true
  readonly #deps: ResourceServersDeps

  constructor(deps: ResourceServersDeps) {
    this.#deps = deps
  }

  isDeclarable(id: string): boolean {
    return !this.#deps.reserved.has(id)
  }

  async current(): Promise<Map<string, JsonObject>> {
    const all = await this.#deps.repositories.resourceServers.list()
    return new Map(all.map((server) => [server.audience, valueFrom(server)]))
  }

  async wanted(_id: string, { scopes = [], ...entry }: JsonObject): Promise<JsonObject> {
    return withoutDefaults(
      { ...entry, scopes: (scopes as (string | ResourceScope)[]).map(shortScope) },
      USUAL,
    )
  }

  async problems(id: string, value: JsonObject | 'absent'): Promise<Problem[]> {
    if (!this.isDeclarable(id)) return [{ problem: `${id} is declared in RESOURCE_SERVERS; change it there` }]
    if (value === 'absent') return []
    return faultsOf(settingsOf(id, value), this.#deps.algorithms).map(({ member, problem }) => {
      const ours = MEMBERS.find(([, theirs]) => theirs === member)?.[0]
      return { member: ours, problem: `${ours ?? member} ${problem}` }
    })
  }

  async apply({ id, do: what, members }: Step, value: JsonObject | undefined, actor: Actor): Promise<void> {
    const { service, repositories } = this.#deps
    if (what === 'delete') return service.remove(id, actor)
    const { audience, ...settings } = settingsOf(id, value as JsonObject)
    if (what === 'change') {
      const seen = await repositories.resourceServers.lock(id)
      assertAsShown(members, seen ? valueFrom(seen) : {})
    }
    if (what === 'create') await service.create({ audience, ...settings }, actor)
    else if (members.some(({ member }) => member !== 'status')) await service.update(id, settings, actor)
    if (members.some(({ member }) => member === 'status'))
      await (value?.status === 'disabled' ? service.disable(id, actor) : service.enable(id, actor))
  }
}

function valueFrom(server: ResourceServer): JsonObject {
  const members = MEMBERS.map(([ours, theirs]) => [ours, server[theirs]])
  return withoutDefaults(
    { ...Object.fromEntries(members), scopes: server.scopes.map(shortScope), status: server.status },
    USUAL,
  )
}

function settingsOf(audience: string, value: JsonObject): ResourceServerSettings {
  const given = { ...USUAL, ...value } as JsonObject
  const members = MEMBERS.map(([ours, theirs]) => [theirs, given[ours]])
  const scopes = ((given.scopes ?? []) as (string | ResourceScope)[]).map(longScope)
  return { ...(Object.fromEntries(members) as Omit<ResourceServerSettings, 'audience'>), scopes, audience }
}

function shortScope(scope: string | ResourceScope): string | ResourceScope {
  return typeof scope === 'object' && scope.description === undefined ? scope.name : scope
}

function longScope(scope: string | ResourceScope): ResourceScope {
  return typeof scope === 'string' ? { name: scope } : scope
}
