/** Forgot and reset: a mailed link sets a new password, and everything open under the old one ends. */
import type { RequestFacts } from '../audit/events.ts'
import type { EmailProof } from '../email/proof.ts'
import { proofIdOf } from '../email/secrets.ts'
import { DomainError, InvalidInput } from '../errors.ts'
import type { Clock, Database, KeyedHash, PasswordHasher, Random } from '../ports.ts'
import { networkOf, type Throttle } from '../protection/throttle.ts'
import { emailKey, emailProblem } from '../users/identifiers.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from './policy.ts'
import { unstopped } from './stopped.ts'

const RESET_TTL_SECONDS = 30 * 60

export interface ResetDeps {
  database: Database
  hasher: PasswordHasher
  throttle: Throttle
  random: Random
  keyed: KeyedHash
  clock: Clock
  policy: PasswordPolicy
}

export class PasswordReset {
  readonly #deps: ResetDeps

  constructor(deps: ResetDeps) {
    this.#deps = deps
  }

  /**
   * The same rows and the same answer whether the address has an account or not. The link takes the place of the one before,
   * and its end where that is later: anybody may ask, and shortens nobody's invitation.
   * @throws InvalidInput, `throttled`
   */
  async request(
    email: string,
    context: { interactionUid: string | undefined; facts: RequestFacts },
  ): Promise<void> {
    const { database, random, throttle } = this.#deps
    const fault = emailProblem(email)
    if (fault) throw new InvalidInput({ email: { code: fault } })
    const address = email.trim()
    await throttle.take([
      ...throttle.form(context.facts.ip),
      ...throttle.mail(emailKey(address), context.facts.ip),
    ])
    const user = await database.users.findByEmail(address)
    await database.transaction(async (repositories) => {
      const proof = await repositories.emailProofs.insert({
        id: random.id('prf'),
        purpose: 'reset-password',
        userId: user?.status === 'active' ? user.id : undefined,
        email: user?.email ?? address,
        flow: `reset:${emailKey(address)}`,
        interactionUid: context.interactionUid,
        registration: undefined,
        ttlSeconds: RESET_TTL_SECONDS,
      })
      await repositories.outbox.insert({ template: 'reset-password', proofId: proof.id })
      await repositories.audit.append({
        name: 'user.reset_requested',
        outcome: 'success',
        userId: user?.id,
        request: context.facts,
      })
    })
  }

  /** What the link stands for, without using it up. Throws `proof_invalid`. */
  async inspect(token: string): Promise<EmailProof> {
    const proofId = proofIdOf(this.#deps.keyed, token)
    const proof = proofId === undefined ? undefined : await this.#deps.database.emailProofs.find(proofId)
    if (proof?.purpose !== 'reset-password') throw new DomainError('proof_invalid')
    return proof
  }

  /**
   * Sets the password once. Reading the mail proves the address too.
   * @throws InvalidInput, `proof_invalid`, `proof_used`, `proof_expired`, `busy`
   */
  async reset(token: string, password: string, facts: RequestFacts): Promise<EmailProof> {
    const { database, hasher, policy, clock } = this.#deps
    const proof = await this.inspect(token)
    if (proof.consumedAt) throw new DomainError('proof_used')
    const [fault] = passwordProblems(password, policy, { email: proof.email })
    if (fault) throw new InvalidInput({ password: fault })
    const current = proof.userId === undefined ? undefined : await database.users.passwordHash(proof.userId)
    if (
      current !== undefined &&
      (await hasher.verify(unstopped(current), normalisePassword(password), networkOf(facts.ip)))
    )
      throw new InvalidInput({ password: { code: 'password_same' } })
    const hash = await hasher.hash(normalisePassword(password), networkOf(facts.ip))
    await database.transaction(async (repositories) => {
      const taken = await repositories.emailProofs.consume(proof.id)
      if (!taken?.userId) throw new DomainError('proof_expired')
      // The address must still be the account's: a reset asked for an address since given up opens nothing.
      if (!(await repositories.users.markEmailVerified(taken.userId, taken.email)))
        throw new DomainError('proof_expired')
      await repositories.users.setPassword(taken.userId, hash)
      await repositories.emailProofs.expireAll(taken.userId, 'reset-password')
      await repositories.emailProofs.expireAll(taken.userId, 'verify-email')
      // In the same transaction: whoever knew the old password has nothing left, even if this process dies now.
      await repositories.access.revokeAccount(taken.userId)
      await repositories.outbox.insert({
        template: 'password-changed',
        userId: taken.userId,
        at: clock.now().toISOString(),
      })
      await repositories.audit.append({
        name: 'user.password_changed',
        outcome: 'success',
        userId: taken.userId,
        request: facts,
        detail: { by: 'reset' },
      })
    })
    return proof
  }
}
