/** Proves that a person reads the mail of the account's address: by the mail's code or by its link. */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError, InvalidInput, isDomainError } from '../errors.ts'
import { normalisePassword } from '../passwords/policy.ts'
import type { Database, KeyedHash, PasswordHasher, Random, Repositories } from '../ports.ts'
import { networkOf, type Throttle } from '../protection/throttle.ts'
import { VERIFY_TTL_SECONDS } from '../registration/service.ts'
import { emailKey, emailProblem } from '../users/identifiers.ts'
import type { User } from '../users/user.ts'
import type { EmailProof, ProofPurpose } from './proof.ts'
import { isCodeOf, proofIdOf, tidyCode } from './secrets.ts'

/** 6 digits and 5 tries: one chance in 200,000 per mail */
export const MAX_CODE_ATTEMPTS = 5
/** seconds between two mails of one flow */
export const RESEND_AFTER_SECONDS = 60

const PROVES_ADDRESS = new Set<ProofPurpose>(['register', 'verify-email'])

export interface VerificationDeps {
  database: Database
  throttle: Throttle
  hasher: PasswordHasher
  random: Random
  keyed: KeyedHash
}

export class EmailVerification {
  readonly #deps: VerificationDeps

  constructor(deps: VerificationDeps) {
    this.#deps = deps
  }

  /** Mails a fresh proof for the address of somebody who just proved the password. Throws `throttled`. */
  async send(
    user: User,
    context: { flow: string; interactionUid: string | undefined; facts: RequestFacts },
  ): Promise<{ proofId: string }> {
    const { throttle } = this.#deps
    await throttle.take(throttle.mail(emailKey(user.email), context.facts.ip))
    return this.#insert({
      ...context,
      userId: user.id,
      email: user.email,
      purpose: 'verify-email',
      registration: undefined,
    })
  }

  /** Mails the same kind of proof again (new code, new link; the old ones die). Throws `throttled`. */
  async resend(proofId: string, facts: RequestFacts): Promise<{ proofId: string }> {
    const { throttle, database } = this.#deps
    const proof = await database.emailProofs.find(proofId)
    if (!proof) throw new DomainError('proof_invalid')
    await throttle.take(throttle.mail(emailKey(proof.email), facts.ip))
    return this.#insert(proof)
  }

  /**
   * Another mail for whoever may have begun at this address: a registration, an account whose address is not proven, or
   * nobody. The same rows for all three, and the caller learns nothing. Throws InvalidInput, `throttled`.
   */
  async sendAgain(email: string, facts: RequestFacts): Promise<void> {
    const { throttle, database } = this.#deps
    const fault = emailProblem(email)
    if (fault) throw new InvalidInput({ email: { code: fault } })
    await throttle.take([...throttle.form(facts.ip), ...throttle.mail(emailKey(email), facts.ip)])
    const [user, draft] = await Promise.all([
      database.users.findByEmail(email),
      database.emailProofs.findRegistration(email),
    ])
    const unproven = user?.status === 'active' && !user.emailVerified ? user : undefined
    await this.#insert(
      draft ?? {
        ...{ purpose: 'verify-email', userId: unproven?.id, email: unproven?.email ?? email.trim() },
        ...{ flow: `again:${emailKey(email)}`, interactionUid: undefined, registration: undefined },
      },
    )
  }

  /**
   * By whose it is to be: the id that the registration answered with, or that of an account that is not proven.
   * @throws as `redeemCode`; `proof_invalid` when nothing is open there
   */
  async redeemCodeOf(userId: string, code: string, facts: RequestFacts): Promise<string> {
    const tidy = tidyCode(code)
    const open = tidy === undefined ? undefined : await this.#deps.database.emailProofs.findOpen(userId)
    if (!open || tidy === undefined) throw new DomainError('proof_invalid')
    return this.redeemCode(open.id, tidy, facts)
  }

  /**
   * @returns the user whose address is proven
   * @throws proof_invalid (wrong code), proof_used, proof_expired (also: no attempts left)
   */
  async redeemCode(proofId: string, code: string, facts: RequestFacts): Promise<string> {
    const { database, keyed } = this.#deps
    if (!(await database.emailProofs.countAttempt(proofId, MAX_CODE_ATTEMPTS)))
      throw new DomainError('proof_expired')
    if (!isCodeOf(keyed, proofId, code)) throw new DomainError('proof_invalid')
    return this.#redeem(proofId, facts, 'code')
  }

  /** What the link stands for, without using it up: mail scanners follow links, they do not press buttons. */
  async inspectLink(token: string): Promise<EmailProof> {
    const proofId = proofIdOf(this.#deps.keyed, token)
    const proof = proofId === undefined ? undefined : await this.#deps.database.emailProofs.find(proofId)
    if (!proof || !PROVES_ADDRESS.has(proof.purpose)) throw new DomainError('proof_invalid')
    return proof
  }

  /**
   * @param password what the person typed, when the link was opened in another browser than the one that registered:
   *   somebody else may have registered the address, and its owner must not finish that by mistake
   * @throws invalid_credentials (not the registration's password), `throttled`, `busy`, proof_*
   */
  async redeemLink(token: string, facts: RequestFacts, password?: string): Promise<EmailProof> {
    const proof = await this.inspectLink(token)
    if (password !== undefined && proof.registration) {
      const { throttle, hasher } = this.#deps
      const network = networkOf(facts.ip)
      const refund = await throttle.take(throttle.form(facts.ip))
      const phc = proof.registration.passwordHash
      if (!(await hasher.verify(phc, normalisePassword(password), network)))
        throw new DomainError('invalid_credentials')
      await refund()
    }
    await this.#redeem(proof.id, facts, 'link')
    return proof
  }

  async #redeem(proofId: string, facts: RequestFacts, by: 'code' | 'link'): Promise<string> {
    return this.#deps.database.transaction(async (repositories) => {
      const proof = await repositories.emailProofs.consume(proofId)
      if (!proof) throw new DomainError('proof_used')
      const userId =
        proof.purpose === 'register'
          ? await this.#makeAccount(repositories, proof)
          : await this.#verifyAccount(repositories, proof)
      await repositories.audit.append({
        name: proof.purpose === 'register' ? 'user.registered' : 'user.email_verified',
        outcome: 'success',
        userId,
        request: facts,
        detail: { by },
        personal: { email: proof.email },
      })
      return userId
    })
  }

  /** The address was free when the mail went out; if somebody was faster since, this one comes to nothing. */
  async #makeAccount({ users }: Repositories, proof: EmailProof): Promise<string> {
    const draft = proof.registration
    if (!draft) throw new DomainError('proof_invalid')
    try {
      await users.insert({
        id: draft.userId,
        email: proof.email,
        emailVerified: true,
        username: undefined,
        profile: draft.name === undefined ? {} : { name: draft.name },
      })
    } catch (error) {
      throw isDomainError(error, 'email_taken') ? new DomainError('proof_invalid') : error
    }
    await users.setPassword(draft.userId, draft.passwordHash)
    // Held since the form was sent; should it be gone all the same, an account without a username is still an account.
    if (draft.username !== undefined) await users.takeUsername(draft.username, draft.userId, proof.flow)
    return draft.userId
  }

  async #verifyAccount({ users, emailProofs }: Repositories, proof: EmailProof): Promise<string> {
    const { userId } = proof
    if (proof.purpose !== 'verify-email' || userId === undefined) throw new DomainError('proof_invalid')
    if (!(await users.markEmailVerified(userId, proof.email))) throw new DomainError('proof_expired')
    await emailProofs.expireAll(userId, 'verify-email')
    return userId
  }

  async #insert(
    from: Pick<EmailProof, 'purpose' | 'userId' | 'email' | 'flow' | 'interactionUid' | 'registration'>,
  ): Promise<{ proofId: string }> {
    const { database, random } = this.#deps
    const { purpose, userId, email, flow, interactionUid, registration } = from
    return database.transaction(async (repositories) => {
      const proof = await repositories.emailProofs.insert({
        id: random.id('prf'),
        purpose,
        userId,
        email,
        flow,
        interactionUid,
        registration,
        ttlSeconds: VERIFY_TTL_SECONDS,
      })
      await repositories.outbox.insert(mailOf(purpose, proof.id))
      return { proofId: proof.id }
    })
  }
}

function mailOf(purpose: EmailProof['purpose'], proofId: string) {
  return { template: purpose, proofId } as const
}
