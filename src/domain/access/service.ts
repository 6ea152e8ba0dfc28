/**
 * Who ends whose access, and what ends with it (docs/decisions/0016-what-ends-what.md). Each operation is one
 * transaction with its audit record: after it nothing that was ended works on any node, and nothing that was on its way
 * works later. Who may ask for it is decided by the caller.
 */
import type { AuditEvent, AuditEventName, RequestFacts } from '../audit/events.ts'
import { record } from '../audit/record.ts'
import { assertMayLet } from '../clients/api-access.ts'
import { DomainError } from '../errors.ts'
import type { Permission } from '../permissions/permissions.ts'
import type { Database, Repositories } from '../ports.ts'

/**
 * On whose behalf: the id of an administrator or of the person, `client:` and the id of an application that acts on its
 * own account, or a tool's name ("cli").
 */
export interface Actor {
  by: string
  request?: RequestFacts | undefined
  /** what they may hand on to others; undefined: an operator at the terminal, who may everything */
  may?: ReadonlySet<Permission> | undefined
}

type About = Pick<AuditEvent, 'userId' | 'clientId'>

export class Access {
  readonly #database: Pick<Database, 'transaction'>

  readonly #clientsChanged: () => void

  readonly #accessEnded: () => void

  /**
   * @param clientsChanged told after a change of a client has been committed
   * @param accessEnded told after anything has been: the store wrote down whom to tell
   */
  constructor(
    database: Pick<Database, 'transaction'>,
    clientsChanged: () => void = () => {},
    accessEnded: () => void = () => {},
  ) {
    this.#database = database
    this.#clientsChanged = clientsChanged
    this.#accessEnded = accessEnded
  }

  /** @throws `not_found` */
  disableUser(userId: string, actor: Actor): Promise<void> {
    return this.#record('user.disabled', { userId }, actor, async ({ users, access }) => {
      await access.revokeAccount(userId)
      return users.setStatus(userId, 'disabled')
    })
  }

  /** @throws `not_found`, `deletion_pending` */
  enableUser(userId: string, actor: Actor): Promise<void> {
    return this.#record('user.enabled', { userId }, actor, async ({ users, access, deletions }) => {
      // What was in flight when the account was disabled may have been written since: dead then, and to stay so.
      await access.revokeAccount(userId)
      if (await deletions.isDeleted(userId)) throw new DomainError('deletion_pending')
      return users.setStatus(userId, 'active')
    })
  }

  /** The record of what they did stays; the account's id never comes again. Throws `not_found`. */
  deleteUser(userId: string, actor: Actor): Promise<void> {
    return this.#record('user.deleted', { userId }, actor, async ({ users, access }) => {
      await access.revokeAccount(userId)
      return users.delete(userId)
    })
  }

  /** @param sessionId of `openSessions`; throws `not_found` when the person has no such session open */
  endSession(userId: string, sessionId: string, actor: Actor): Promise<void> {
    return this.#record('session.ended', { userId }, actor, ({ access }) =>
      access.endSession(userId, sessionId),
    )
  }

  /** @param uid of a token of that session; throws `not_found` when the person has no such session open */
  endSessionOf(userId: string, uid: string, actor: Actor): Promise<void> {
    return this.#record('session.ended', { userId }, actor, ({ access }) => access.endSessionOf(userId, uid))
  }

  /** Every browser, every app, offline access too; signing in again is possible at once. */
  signOutEverywhere(userId: string, actor: Actor): Promise<void> {
    return this.#record('user.signed_out_everywhere', { userId }, actor, async ({ access }) => {
      await access.revokeAccount(userId)
      return true
    })
  }

  /** The app asks again next time. Throws `not_found` when nothing was allowed. */
  withdrawConsent(userId: string, clientId: string, actor: Actor): Promise<void> {
    return this.#record('consent.withdrawn', { userId, clientId }, actor, ({ access }) =>
      access.withdrawConsent(userId, clientId),
    )
  }

  /** @throws `not_found` */
  disableClient(clientId: string, actor: Actor): Promise<void> {
    return this.#record('client.disabled', { clientId }, actor, async ({ clients, access }) => {
      await access.revokeClient(clientId)
      return clients.setStatus(clientId, 'disabled')
    })
  }

  /** @throws `not_found`, `forbidden` when it may do by itself what the actor may not */
  enableClient(clientId: string, actor: Actor): Promise<void> {
    return this.#record('client.enabled', { clientId }, actor, async ({ clients, access }) => {
      const client = await clients.find(clientId)
      if (!client) return false
      assertMayLet(actor, client)
      // As with a person: whatever slipped in behind the disabling.
      await access.revokeClient(clientId)
      return clients.setStatus(clientId, 'active')
    })
  }

  /** @throws `not_found` */
  deleteClient(clientId: string, actor: Actor): Promise<void> {
    return this.#record('client.deleted', { clientId }, actor, ({ clients }) => clients.delete(clientId))
  }

  /** @param change answers false when there is nothing to change: then nothing is, and nothing is recorded */
  async #record(
    name: AuditEventName,
    about: About,
    actor: Actor,
    change: (repositories: Repositories) => Promise<boolean>,
  ): Promise<void> {
    await this.#database.transaction(async (repositories) => {
      if (!(await change(repositories))) throw new DomainError('not_found')
      await record(repositories, name, about, actor)
    })
    if (name.startsWith('client.')) this.#clientsChanged()
    this.#accessEnded()
  }
}
