/** One kind of authorization detail (RFC 9396 2) that the administrator registered: what it holds, how it reads. */
import type { JsonObject } from './json.ts'

export interface AuthorizationType {
  /** the `type` of its details */
  name: string
  /** heading on the consent page, as in "A payment" */
  title: string
  /** the sentence people read (`template.ts`) */
  template: string
  /** of its fields, without `type`, `actions` and `locations`; a subset of JSON Schema (`schema.ts`) */
  schema: JsonObject
  /** what `actions` may hold; empty: there are none */
  actions: string[]
  /** resource indicators that its details may be for, and that learn of them; empty: every API */
  locations: string[]
  /** always: for each request anew; session: the very same detail once a session */
  ask: 'always' | 'session'
  /** whether clients that register themselves may ask for it */
  selfRegistered: boolean
  status: 'active' | 'disabled'
}

/** A detail of a request: an object with its type, everything else as the type has it. */
export type AuthorizationDetail = JsonObject & { type: string; locations?: string[] }

/** The active ones, by name. */
export class AuthorizationTypes {
  readonly #byName: ReadonlyMap<string, AuthorizationType>

  constructor(types: readonly AuthorizationType[]) {
    this.#byName = new Map(types.filter(({ status }) => status === 'active').map((type) => [type.name, type]))
  }

  get all(): AuthorizationType[] {
    return [...this.#byName.values()]
  }

  find(name: string): AuthorizationType | undefined {
    return this.#byName.get(name)
  }

  /** Which resources a detail is for; `undefined`: all. */
  audience(detail: AuthorizationDetail): readonly string[] | undefined {
    if (detail.locations) return detail.locations
    const locations = this.find(detail.type)?.locations ?? []
    return locations.length > 0 ? locations : undefined
  }
}
