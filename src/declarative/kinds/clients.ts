/** Clients as a file declares them. Their secrets are named and compared, and stand in no plan. */
import type { Access, Actor } from '../../domain/access/service.ts'
import type { JsonObject } from '../../domain/authorization/json.ts'
import type { ClientAdministration } from '../../domain/clients/administration.ts'
import { type Client, type ClientSettings, usesSecret } from '../../domain/clients/client.ts'
import type { Step } from '../../domain/declarative/plan.ts'
import { InvalidInput } from '../../domain/errors.ts'
import type { Repositories } from '../../domain/ports.ts'
import { assertAsShown, type Kind, type Problem, withoutDefaults } from '../kind.ts'
import { METADATA_MEMBERS } from '../shapes.ts'

export interface ClientsDeps {
  repositories: Pick<Repositories, 'clients' | 'applications'>
  clients: ClientAdministration
  access: Access
  /** of CLIENTS_FILE and our own */
  reserved: ReadonlySet<string>
  /** what the protocol asks; throws InvalidInput */
  check: (client: ClientSettings) => Promise<void>
  /** whether a secret is the one of that digest */
  matches: (digest: string, secret: string) => boolean
  /** what a reference leads to; undefined: nothing */
  secretAt: (reference: JsonObject) => Promise<string | undefined>
}

const SECRET_MIN_LENGTH = 32
const DEFAULTS = { first_party: false, status: 'active' }
export class Clients implements Kind {
  readonly name = 'clients'
  readonly isDeletable = true
  readonly #deps: ClientsDeps
  /** as `wanted` found them */
  readonly #secrets = new Map<string, string>()
  #stored = new Map<string, Client>()

  constructor(deps: ClientsDeps) {
    this.#deps = deps
  }

  isDeclarable(id: string): boolean {
    const source = this.#stored.get(id)?.source
    return !this.#deps.reserved.has(id) && (source === undefined || source === 'configuration')
  }

  async current(): Promise<Map<string, JsonObject>> {
    this.#stored = new Map(
      (await this.#deps.repositories.clients.list()).map((client) => [client.id, client]),
    )
    return new Map([...this.#stored.values()].map((client) => [client.id, valueFrom(client)]))
  }

  async wanted(id: string, { secret, ...entry }: JsonObject): Promise<JsonObject> {
    const value = withoutDefaults(entry, DEFAULTS)
    if (secret === undefined) return value
    const given = await this.#deps.secretAt(secret as JsonObject)
    if (given !== undefined) this.#secrets.set(id, given)
    const digest = this.#stored.get(id)?.secretDigest
    const fits = given !== undefined && digest !== undefined && this.#deps.matches(digest, given)
    // What fits is no difference, so it is in neither.
    return fits ? value : { ...value, secret: `from ${nameOf(secret as JsonObject)}` }
  }

  async problems(id: string, value: JsonObject | 'absent', exists: boolean): Promise<Problem[]> {
    if (!this.isDeclarable(id)) return [{ problem: this.#whyNot(id) }]
    if (value === 'absent') return []
    const metadata = metadataOf(value)
    const found: Problem[] = []
    const [secret, given] = [value.secret, this.#secrets.get(id)]
    if (usesSecret(metadata)) {
      const has = exists && this.#stored.get(id)?.secretDigest !== undefined
      if (secret !== undefined && given === undefined)
        found.push({ member: 'secret', problem: `secret: there is nothing ${secret}` })
      if (given !== undefined && given.length < SECRET_MIN_LENGTH)
        found.push({
          member: 'secret',
          problem: `secret: must have at least ${SECRET_MIN_LENGTH} random characters`,
        })
      if (secret === undefined && given === undefined && !has)
        found.push({
          problem: `client "${id}" proves itself by a secret: say where it is, as in secret: {env: NAME}`,
        })
    } else if (secret !== undefined || given !== undefined)
      found.push({ member: 'secret', problem: 'secret: this client proves itself otherwise and has none' })
    if (value.first_party_challenge === true && value.first_party !== true)
      found.push({
        member: 'first_party_challenge',
        problem: 'first_party_challenge needs first_party to be true',
      })
    return [...found, ...(await this.#protocolProblems(id, metadata, value.first_party === true))]
  }

  async apply({ id, do: what, members }: Step, value: JsonObject | undefined, actor: Actor): Promise<void> {
    const { clients, access, repositories } = this.#deps
    if (what === 'delete') return access.deleteClient(id, actor)
    const { status, first_party: firstParty = false, secret } = value as JsonObject
    if (what === 'create') {
      await clients.create(
        {
          id,
          metadata: metadataOf(value as JsonObject),
          firstParty: firstParty === true,
          secret: this.#secrets.get(id),
        },
        actor,
      )
      if (status === 'disabled') await access.disableClient(id, actor)
      return
    }
    const changed = members.filter(({ member }) => METADATA_MEMBERS.includes(member))
    const flagged = members.some(({ member }) => member === 'first_party')
    if (changed.length > 0 || flagged) {
      const patch = Object.fromEntries(changed.map(({ member, to }) => [member, to ?? null]))
      const seen = await repositories.applications.find(id)
      assertAsShown(members, seen ? valueFrom(seen) : {})
      await clients.update(id, seen?.version, patch, actor, flagged ? firstParty === true : undefined)
    }
    if (secret !== undefined)
      await clients.replaceSecret(id, undefined, actor, { keepDays: 0, given: this.#secrets.get(id) })
    if (members.some(({ member }) => member === 'status'))
      await (status === 'disabled' ? access.disableClient(id, actor) : access.enableClient(id, actor))
  }

  async #protocolProblems(
    id: string,
    metadata: Record<string, unknown>,
    firstParty: boolean,
  ): Promise<Problem[]> {
    const secretDigest = usesSecret(metadata) ? 'one' : undefined
    try {
      await this.#deps.check({ id, metadata, firstParty, source: 'configuration', secretDigest })
      return []
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error
      return Object.entries(error.fields).map(([field, { params }]) => ({
        member: field.split('/')[1],
        problem: String(params?.reason ?? field),
      }))
    }
  }

  #whyNot(id: string): string {
    if (this.#deps.reserved.has(id))
      return `client "${id}" is declared by the settings (CLIENTS_FILE); change it there`
    return `client "${id}" ${this.#stored.get(id)?.source === 'document' ? 'is described by a document of its own' : 'registered itself'} and is not declared here`
  }
}

function valueFrom({ metadata, firstParty, status }: Client): JsonObject {
  const known = Object.entries(metadata).filter(([name]) => METADATA_MEMBERS.includes(name))
  return withoutDefaults({ ...Object.fromEntries(known), first_party: firstParty, status }, DEFAULTS)
}

function metadataOf(value: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => METADATA_MEMBERS.includes(name)))
}

function nameOf({ env, file }: JsonObject): string {
  return env === undefined ? `file ${file}` : `environment variable ${env}`
}
