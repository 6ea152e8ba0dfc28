/**
 * A new password for somebody who is signed in and gives the one they have. As after a reset, everything open under the
 * old one ends, this very sign-in too (docs/decisions/0016-what-ends-what.md).
 */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError, InvalidInput } from '../errors.ts'
import type { Clock, Database, PasswordHasher } from '../ports.ts'
import { networkOf } from '../protection/throttle.ts'
import type { SignIn } from '../sign-in/service.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from './policy.ts'

export interface PasswordChangeDeps {
  database: Database
  hasher: PasswordHasher
  /** who checks every password: its counters and its records are those of the sign-in */
  signIn: Pick<SignIn, 'authenticate' | 'credentialOf'>
  clock: Clock
  policy: PasswordPolicy
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
  /** applications wait to be told */
  accessEnded: () => void
}

export interface PasswordChangeRequest {
  userId: string
  clientId: string
  current: string
  next: string
  facts: RequestFacts
}

export class PasswordChange {
  readonly #deps: PasswordChangeDeps

  constructor(deps: PasswordChangeDeps) {
    this.#deps = deps
  }

  /** @throws InvalidInput, `invalid_credentials` (the current one is wrong, or was changed meanwhile), `throttled`, `busy` */
  async change({ userId, clientId, current, next, facts }: PasswordChangeRequest): Promise<void> {
    const { database, hasher, signIn, policy, clock, mailSoon, accessEnded } = this.#deps
    const person = await database.users.find(userId)
    if (!person) throw new DomainError('not_found')
    const { email, username, profile } = person
    const [fault] = passwordProblems(next, policy, { email, username, name: profile.name })
    if (fault) throw new InvalidInput({ new_password: fault })
    const { user, credential } = await signIn.authenticate({
      ...{ identifier: email, password: current, facts, clientId },
      // The app may be anybody's who stole the token: its tries count as those of a stranger.
      deviceFor: () => undefined,
    })
    if (user?.id !== userId) throw new DomainError('invalid_credentials')
    if (normalisePassword(current) === normalisePassword(next))
      throw new InvalidInput({ new_password: { code: 'password_same' } })
    const phc = await database.users.passwordHash(userId)
    const hash = await hasher.hash(normalisePassword(next), networkOf(facts.ip))
    await database.transaction(async ({ users, emailProofs, access, outbox, audit }) => {
      // Of two at once the second one gave a password that is none any more.
      const isCurrent = phc !== undefined && signIn.credentialOf(phc) === credential
      if (!isCurrent || !(await users.rehashPassword(userId, phc, hash)))
        throw new DomainError('invalid_credentials')
      await users.setPassword(userId, hash)
      await emailProofs.expireAll(userId, 'reset-password')
      await access.revokeAccount(userId)
      await outbox.insert({ template: 'password-changed', userId, at: clock.now().toISOString() })
      await audit.append({
        ...{ name: 'user.password_changed', outcome: 'success', userId, clientId, request: facts },
        detail: { by: 'self' },
      })
    })
    mailSoon()
    accessEnded()
  }
}
