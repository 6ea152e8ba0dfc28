/**
 * What becomes of the APIs known here. Each operation is one transaction with its audit record; what an API's tokens
 * allowed ends with it. Who may ask for it is decided by the caller.
 */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import { DomainError } from '../errors.ts'
import type { SigningAlgorithm } from '../keys/key.ts'
import type { Database, Repositories } from '../ports.ts'
import { faultsOf, type ResourceServer, type ResourceServerSettings } from './resource-server.ts'

export interface ResourceServersDeps {
  database: Pick<Database, 'transaction'>
  /** audience of the API of this deployment: who could end a row of that name would end everybody's tokens of it */
  own: string
  /** audiences of the settings, which would have them their way again at the next start */
  declared: readonly string[]
  /** those there is a key for */
  algorithms: readonly SigningAlgorithm[]
  /** told after a change has been committed */
  changed: () => void
}

export class ResourceServers {
  readonly #deps: ResourceServersDeps

  constructor(deps: ResourceServersDeps) {
    this.#deps = deps
  }

  /** Takes in what the settings declare. Never deletes what they leave out, nor enables what was disabled. */
  async declare(declared: readonly ResourceServerSettings[]): Promise<void> {
    for (const settings of declared) {
      this.#check(settings)
      const actor = { by: 'configuration' }
      await this.#change(actor, settings.audience, async (repositories) => {
        const done = await repositories.resourceServers.save({ ...settings, source: 'declared' })
        return done === 'same' ? undefined : done === 'created' ? CREATED : UPDATED
      })
    }
  }

  /** @throws `invalid_input` in a sentence: a rule is broken, or the audience is taken */
  async create(settings: ResourceServerSettings, actor: Actor): Promise<void> {
    this.#check(settings)
    await this.#change(actor, settings.audience, async ({ resourceServers }) => {
      if ((await resourceServers.save({ ...settings, source: 'operator' })) !== 'created')
        throw refused(`${settings.audience} is known already: update it`)
      return CREATED
    })
  }

  /**
   * @param version the one that was seen; undefined: whatever it is now
   * @throws `not_found`, `stale`, `declared`; `invalid_input` in a sentence
   */
  async update(
    audience: string,
    changes: Partial<Omit<ResourceServerSettings, 'audience'>>,
    actor: Actor,
    version?: number,
  ): Promise<void> {
    this.#refuseDeclared(audience)
    await this.#change(actor, audience, async ({ resourceServers }) => {
      const before = await resourceServers.lock(audience)
      if (!before) throw new DomainError('not_found')
      if (version !== undefined && version !== (await resourceServers.version(audience)))
        throw new DomainError('stale')
      const settings = { ...before, ...changes, audience }
      this.#check(settings)
      return (await resourceServers.save({ ...settings, source: 'operator' })) === 'same'
        ? undefined
        : UPDATED
    })
  }

  /** Nobody gets tokens for it any more, and the opaque ones there are end. Throws `not_found`. */
  async disable(audience: string, actor: Actor): Promise<void> {
    await this.#setStatus(audience, 'disabled', actor)
  }

  /** Tokens are asked for anew: those from before stay ended. Throws `not_found`. */
  async enable(audience: string, actor: Actor): Promise<void> {
    await this.#setStatus(audience, 'active', actor)
  }

  /** With its opaque tokens and all that people allowed of it. Throws `not_found`, `declared`. */
  async remove(audience: string, actor: Actor): Promise<void> {
    this.#refuseDeclared(audience)
    await this.#change(actor, audience, async ({ resourceServers, access }) => {
      if (!(await resourceServers.delete(audience))) throw new DomainError('not_found')
      await access.forgetResource(audience)
      return 'resource_server.deleted'
    })
  }

  #setStatus(audience: string, status: ResourceServer['status'], actor: Actor): Promise<void> {
    return this.#change(actor, audience, async ({ resourceServers, access }) => {
      if (!(await resourceServers.setStatus(audience, status))) throw new DomainError('not_found')
      // When it is enabled, too: what was on its way when it was disabled may have been written since.
      await access.revokeResource(audience)
      return status === 'active' ? 'resource_server.enabled' : 'resource_server.disabled'
    })
  }

  #refuseDeclared(audience: string): void {
    if (this.#deps.declared.includes(audience))
      throw new DomainError('declared', {
        detail: `${audience} is declared in RESOURCE_SERVERS; change it there`,
      })
  }

  #check(settings: ResourceServerSettings): void {
    const faults = faultsOf(settings, this.#deps.algorithms)
    if (faults.length > 0)
      throw refused(
        faults.map(({ member, problem }) => `${settings.audience}: ${member} ${problem}`).join('\n'),
      )
  }

  /** @param work answers what it has done; nothing is recorded or told when that is nothing */
  async #change(
    { by, request }: Actor,
    audience: string,
    work: (repositories: Repositories) => Promise<AuditEventName | undefined>,
  ): Promise<void> {
    if (audience === this.#deps.own) throw refused(`${audience} is built in, and stays as it is`)
    const done = await this.#deps.database.transaction(async (repositories) => {
      const name = await work(repositories)
      if (name)
        await repositories.audit.append({ name, outcome: 'success', request, detail: { by, audience } })
      return name
    })
    if (done) this.#deps.changed()
  }
}

const CREATED = 'resource_server.created'
const UPDATED = 'resource_server.updated'

function refused(detail: string): DomainError {
  return new DomainError('invalid_input', { detail })
}
