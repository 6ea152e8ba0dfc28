/** Links by mail to choose a password, sent because an administrator says so: to who has none yet, and to who must have another. */
import type { Actor } from '../access/service.ts'
import { record } from '../audit/record.ts'
import { DomainError } from '../errors.ts'
import { stopped } from '../passwords/stopped.ts'
import type { Database, Random, Repositories } from '../ports.ts'
import { emailKey } from './identifiers.ts'

/** How long the link is good, and another that "forgot password" puts in its place; after that, one of the usual length comes. */
const LINK_SECONDS = 24 * 3600

export interface PasswordLinksDeps {
  database: Pick<Database, 'transaction'>
  random: Random
  /** after a mail was written */
  mailSoon: () => void
  /** after access was ended */
  accessEnded: () => void
}

export class PasswordLinks {
  readonly #deps: PasswordLinksDeps

  constructor(deps: PasswordLinksDeps) {
    this.#deps = deps
  }

  /** Mails the invitation again; the link of the one before is dead. Throws `not_found`, `not_invitable`. */
  async invite(id: string, actor: Actor): Promise<void> {
    const { database, random, mailSoon } = this.#deps
    await database.transaction(async (repositories) => {
      const person = await repositories.people.find(id)
      if (!person) throw new DomainError('not_found')
      const hasOne = (await repositories.users.passwordHash(id)) !== undefined
      if (hasOne || person.status !== 'active')
        throw new DomainError('not_invitable', { detail: 'the person has a password already, or is locked' })
      await mailPasswordLink(repositories, random, 'invitation', { id, email: person.email })
      await record(repositories, 'user.invited', { userId: id }, actor)
    })
    mailSoon()
  }

  /**
   * The password opens nothing any more, everything issued ends, and a link to choose another one is mailed.
   * @throws `not_found`, `no_password`
   */
  async forceReset(id: string, actor: Actor): Promise<void> {
    const { database, random, mailSoon, accessEnded } = this.#deps
    await database.transaction(async (repositories) => {
      const { access, users, people } = repositories
      await access.revokeAccount(id)
      const person = await people.find(id)
      if (!person) throw new DomainError('not_found')
      if (!(await users.changeHash(id, stopped)))
        throw new DomainError('no_password', { detail: 'the person has no password yet: invite them' })
      await mailPasswordLink(repositories, random, 'password-required', { id, email: person.email })
      await record(repositories, 'user.reset_forced', { userId: id }, actor)
    })
    accessEnded()
    mailSoon()
  }
}

/** In the caller's transaction. A link that was sent before is dead. */
export async function mailPasswordLink(
  { emailProofs, outbox }: Pick<Repositories, 'emailProofs' | 'outbox'>,
  random: Random,
  template: 'invitation' | 'password-required',
  { id: userId, email }: { id: string; email: string },
): Promise<void> {
  const proof = await emailProofs.insert({
    ...{ id: random.id('prf'), purpose: 'reset-password', userId, email },
    ...{ flow: `reset:${emailKey(email)}`, interactionUid: undefined, registration: undefined },
    ttlSeconds: LINK_SECONDS,
  })
  await outbox.insert({ template, proofId: proof.id })
}
