/**
 * Deleting an account: at once nobody gets in and everything issued ends; after the cool-off it is erased. Until then an
 * administrator gives it back. The person cannot, not by signing in either: whoever has the password of an account that
 * was deleted because it had been taken over would only have to wait for nobody.
 */
import type { Actor } from '../access/service.ts'
import { record } from '../audit/record.ts'
import { DomainError } from '../errors.ts'
import type { Clock, Database } from '../ports.ts'
import type { User } from './user.ts'

export interface DeletionRepository {
  /** When they are to be erased; undefined: they are deleted already. */
  begin(userId: string, statusBefore: User['status'], seconds: number): Promise<Date | undefined>
  /** Compare-and-set, against `due` too. What the account was before; undefined: it is not deleted, or gone. */
  undo(userId: string): Promise<User['status'] | undefined>
  isDeleted(userId: string): Promise<boolean>
  /** One whose time has come, locked; undefined: there is none (that nobody else is at). */
  takeDue(): Promise<string | undefined>
}

export interface UserDeletionDeps {
  database: Pick<Database, 'transaction'>
  clock: Clock
  /** seconds until an account is erased; 0: at once */
  coolOffSeconds: number
  /** after access was ended */
  accessEnded: () => void
  mailSoon: () => void
}

export class UserDeletion {
  readonly #deps: UserDeletionDeps

  constructor(deps: UserDeletionDeps) {
    this.#deps = deps
  }

  /**
   * @param now erases at once, without a cool-off
   * @throws `not_found`, `last_owner`; asked for once more it changes nothing, unless it is `now`
   */
  async delete(userId: string, actor: Actor, { now = false } = {}): Promise<void> {
    const { database, coolOffSeconds, accessEnded, mailSoon } = this.#deps
    await database.transaction(async (repositories) => {
      const { users, access, deletions } = repositories
      // The row is locked from here on, so that of two requests the second sees what the first did.
      await access.revokeAccount(userId)
      const user = await users.find(userId)
      if (!user) throw new DomainError('not_found')
      if (now || coolOffSeconds === 0) {
        await users.delete(userId)
        await record(repositories, 'user.deleted', { userId }, actor)
        return
      }
      const eraseAt = await deletions.begin(userId, user.status, coolOffSeconds)
      if (!eraseAt) return
      await users.setStatus(userId, 'disabled')
      for (const purpose of ['reset-password', 'verify-email'] as const)
        await repositories.emailProofs.expireAll(userId, purpose)
      const at = this.#deps.clock.now().toISOString()
      await repositories.outbox.insert({
        template: 'account-deletion',
        userId,
        at,
        eraseAt: eraseAt.toISOString(),
      })
      await record(repositories, 'user.deletion_begun', { userId }, actor, {
        erase_at: eraseAt.toISOString(),
      })
    })
    accessEnded()
    mailSoon()
  }

  /** As it was before, signed in nowhere. Throws `not_found` when the account is not deleted, or erased already. */
  async restore(userId: string, actor: Actor): Promise<void> {
    const { database, accessEnded } = this.#deps
    await database.transaction(async (repositories) => {
      const before = await repositories.deletions.undo(userId)
      if (!before) throw new DomainError('not_found')
      // What was in flight when the account was locked may have been written since.
      await repositories.access.revokeAccount(userId)
      await repositories.users.setStatus(userId, before)
      await record(repositories, 'user.restored', { userId }, actor)
    })
    accessEnded()
  }

  /** Erases up to so many accounts whose time has come, each with its record; returns how many. */
  async eraseDue(most: number): Promise<number> {
    for (let erased = 0; erased < most; erased += 1) {
      const one = await this.#deps.database.transaction(async (repositories) => {
        const userId = await repositories.deletions.takeDue()
        if (userId === undefined) return false
        await repositories.access.revokeAccount(userId)
        await repositories.users.delete(userId)
        await record(repositories, 'user.deleted', { userId }, { by: 'cool-off' })
        return true
      })
      if (!one) return erased
    }
    return most
  }
}
