/**
 * APIs by audience, kept. The store is asked only when they have changed since (at most a second late on other nodes,
 * never late on the one that made the change); who asks for no API does not come here.
 */
import type { ResourceServerRepository } from '../domain/ports.ts'
import type { ResourceServer } from '../domain/resources/resource-server.ts'
import type { Changes } from '../storage/changes.ts'
import { Unavailable } from './errors.ts'

const MAX_KEPT = 10_000

interface Kept {
  server: ResourceServer
  /** of the change counter when it was read */
  generation: number
}

export interface KnownResourcesDeps {
  /** there always, and nobody's to change */
  builtIn: readonly ResourceServer[]
  resourceServersById: Pick<ResourceServerRepository, 'find'>
  changes: Changes
  /** tells a store that is away from a fault of ours */
  isUnavailable: (error: unknown) => boolean
}

export class KnownResources {
  readonly #deps: KnownResourcesDeps
  readonly #kept = new Map<string, Kept>()

  constructor(deps: KnownResourcesDeps) {
    this.#deps = deps
  }

  /** One that is disabled does not exist. Throws the protocol's `temporarily_unavailable`. */
  async find(audience: string): Promise<ResourceServer | undefined> {
    const { builtIn, resourceServersById, changes, isUnavailable } = this.#deps
    const own = builtIn.find((server) => server.audience === audience)
    if (own) return own
    try {
      const generation = await changes.current('resources')
      const known = this.#kept.get(audience)
      if (known?.generation === generation) return active(known.server)
      const server = await resourceServersById.find(audience)
      this.#kept.delete(audience)
      if (!server) return undefined
      if (this.#kept.size >= MAX_KEPT) this.#kept.delete(this.#kept.keys().next().value as string)
      this.#kept.set(audience, { server, generation })
      return active(server)
    } catch (error) {
      throw isUnavailable(error) ? new Unavailable(error) : error
    }
  }
}

function active(server: ResourceServer): ResourceServer | undefined {
  return server.status === 'active' ? server : undefined
}
