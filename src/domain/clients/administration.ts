/** Applications as administrators make and change them: one transaction each, with its audit record. */
import type { Actor } from '../access/service.ts'
import type { AuditEventName } from '../audit/events.ts'
import { record } from '../audit/record.ts'
import type { Application } from '../directory/directory.ts'
import { DomainError, InvalidInput } from '../errors.ts'
import { isWithin, type Permission } from '../permissions/permissions.ts'
import type { Database, Random, Repositories } from '../ports.ts'
import { apiPermissionsOf, assertMayChange, OF_STRANGERS } from './api-access.ts'
import { type ClientSettings, usesSecret } from './client.ts'

const SECRET_BYTES = 32

export interface ClientAdministrationDeps {
  database: Database
  random: Random
  /** what the protocol asks of a client's metadata; throws InvalidInput */
  check: (client: ClientSettings) => Promise<void>
  /** a secret as it is kept */
  digestSecret: (secret: string) => string
  /** after a change of a client has been committed */
  clientsChanged: () => void
}

export interface NewClient {
  /** made here unless given */
  id?: string | undefined
  metadata: Record<string, unknown>
  firstParty?: boolean | undefined
  /** the operator's own, of a client that proves itself by one; made here unless given */
  secret?: string | undefined
}

export class ClientAdministration {
  readonly #deps: ClientAdministrationDeps

  constructor(deps: ClientAdministrationDeps) {
    this.#deps = deps
  }

  /**
   * The secret is shown this once; a client that proves itself otherwise has none.
   * @throws InvalidInput, `client_taken`, `forbidden`
   */
  async create(input: NewClient, actor: Actor): Promise<{ client: Application; secret: string | undefined }> {
    const { random, check, digestSecret } = this.#deps
    const id = input.id ?? random.token(16)
    const secret = usesSecret(input.metadata) ? (input.secret ?? random.token(SECRET_BYTES)) : undefined
    const settings: ClientSettings = {
      ...{ id, metadata: input.metadata, firstParty: input.firstParty ?? false, source: 'configuration' },
      secretDigest: secret === undefined ? undefined : digestSecret(secret),
    }
    assertMayChange(actor, settings)
    await check(settings)
    const client = await this.#change('client.created', id, actor, {}, async ({ applications }) => {
      if (!(await applications.insert(settings))) throw new DomainError('client_taken')
    })
    return { client, secret }
  }

  /**
   * Members that are absent stay; `null` takes one away (RFC 7396).
   * @param version the one that was seen; undefined: whatever it is now
   * @param firstParty undefined: as it is
   * @throws InvalidInput, `not_found`, `stale`, `forbidden`
   */
  async update(
    id: string,
    version: number | undefined,
    patch: Record<string, unknown>,
    actor: Actor,
    firstParty?: boolean,
  ): Promise<Application> {
    const { applications } = this.#deps.database
    const found = await applications.find(id)
    if (!found) throw new DomainError('not_found')
    const flagged = { ...found, firstParty: firstParty || found.firstParty }
    assertMayChange(actor, flagged, await applications.allowedScopes(id))
    const merged = { ...found.metadata, ...patch }
    const metadata = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null))
    await this.#deps.check({ ...found, metadata, firstParty: firstParty ?? found.firstParty })
    const flags = firstParty === undefined ? [] : ['first_party']
    const changed = { changed: [...Object.keys(patch), ...flags].join(' ') }
    return this.#change('client.updated', id, actor, changed, async ({ applications }) => {
      // Merged into what was read: that must still be what is there, even where the caller does not mind.
      if (version !== undefined && version !== found.version) throw new DomainError('stale')
      if (!(await applications.change(id, found.version, metadata, firstParty)))
        throw new DomainError('stale')
    })
  }

  /**
   * @param options how long the one before goes on working (0: it stops at once), and the operator's own secret, if any
   * @throws `not_found`, `stale`, `no_secret`, `forbidden`
   */
  async replaceSecret(
    id: string,
    version: number | undefined,
    actor: Actor,
    { keepDays, given }: { keepDays: number; given?: string | undefined },
  ): Promise<{ client: Application; secret: string }> {
    const { random, digestSecret } = this.#deps
    const secret = given ?? random.token(SECRET_BYTES)
    const facts = { kept_days: keepDays }
    const client = await this.#change(
      'client.secret_replaced',
      id,
      actor,
      facts,
      async ({ applications }) => {
        const found = await applications.find(id)
        if (!found) throw new DomainError('not_found')
        assertMayChange(actor, found, await applications.allowedScopes(id))
        if (!usesSecret(found.metadata)) throw new DomainError('no_secret')
        if (!(await applications.replaceSecret(id, version, digestSecret(secret), keepDays * 86_400)))
          throw new DomainError('stale')
      },
    )
    return { client, secret }
  }

  /** Throws `not_found` when there is none that still works. */
  async revokeFormerSecret(id: string, actor: Actor): Promise<void> {
    await this.#change('client.secret_revoked', id, actor, {}, async ({ applications }) => {
      if (!(await applications.revokeFormerSecret(id))) throw new DomainError('not_found')
    })
  }

  /**
   * What it may do here on its own account; nothing: an empty list. Nobody lets an application do what they may not.
   * @throws InvalidInput, `not_found`, `stale`, `forbidden`
   */
  async allowApi(id: string, permissions: readonly Permission[], actor: Actor): Promise<Application> {
    const found = await this.#deps.database.applications.find(id)
    if (!found) throw new DomainError('not_found')
    const { api_permissions: _, ...others } = found.metadata
    const metadata = permissions.length === 0 ? others : { ...others, api_permissions: permissions }
    if (!isWithin(actor.may, [...apiPermissionsOf(found.metadata), ...permissions]))
      throw new DomainError('forbidden', { detail: 'Nobody lets an application do what they may not' })
    if (found.source !== 'configuration' && permissions.length > 0)
      throw new InvalidInput({ permissions: { code: 'stranger', params: { reason: OF_STRANGERS } } })
    await this.#deps.check({ ...found, metadata })
    const facts = { permissions: permissions.join(' ') }
    return this.#change('client.api_access_changed', id, actor, facts, async ({ applications }) => {
      if (!(await applications.change(id, found.version, metadata))) throw new DomainError('stale')
    })
  }

  async #change(
    name: AuditEventName,
    clientId: string,
    actor: Actor,
    facts: Record<string, string | number>,
    change: (repositories: Repositories) => Promise<void>,
  ): Promise<Application> {
    const client = await this.#deps.database.transaction(async (repositories) => {
      await change(repositories)
      await record(repositories, name, { clientId }, actor, facts)
      return repositories.applications.find(clientId)
    })
    this.#deps.clientsChanged()
    if (!client) throw new DomainError('not_found')
    return client
  }
}
