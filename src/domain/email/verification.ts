/** Proves that a person reads the mail of the account's address: by the mail's code or by its link. */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError } from '../errors.ts'
import type { Database, KeyedHash, Random } from '../ports.ts'
import type { Throttle } from '../protection/throttle.ts'
import { VERIFY_TTL_SECONDS } from '../registration/service.ts'
import { emailKey } from '../users/identifiers.ts'
import type { User } from '../users/user.ts'
import type { EmailProof } from './proof.ts'
import { codeOf, proofIdOf, sameSecret } from './secrets.ts'

/** 6 digits and 5 tries: one chance in 200,000 per mail */
export const MAX_CODE_ATTEMPTS = 5
/** seconds between two mails of one flow */
export const RESEND_AFTER_SECONDS = 60

export interface VerificationDeps {
  database: Database
  throttle: Throttle
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
      passwordHash: undefined,
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
   * @returns the user whose address is proven
   * @throws proof_invalid (wrong code), proof_used, proof_expired (also: no attempts left)
   */
  async redeemCode(proofId: string, code: string, facts: RequestFacts): Promise<string> {
    const { database, keyed } = this.#deps
    if (!(await database.emailProofs.countAttempt(proofId, MAX_CODE_ATTEMPTS)))
      throw new DomainError('proof_expired')
    if (!sameSecret(keyed, codeOf(keyed, proofId), code)) throw new DomainError('proof_invalid')
    return this.#redeem(proofId, facts, 'code')
  }

  /** What the link stands for, without using it up: mail scanners follow links, they do not press buttons. */
  async inspectLink(token: string): Promise<EmailProof> {
    const proofId = proofIdOf(this.#deps.keyed, token)
    const proof = proofId === undefined ? undefined : await this.#deps.database.emailProofs.find(proofId)
    if (proof?.purpose !== 'verify-email') throw new DomainError('proof_invalid')
    return proof
  }

  async redeemLink(token: string, facts: RequestFacts): Promise<EmailProof> {
    const proof = await this.inspectLink(token)
    await this.#redeem(proof.id, facts, 'link')
    return proof
  }

  async #redeem(proofId: string, facts: RequestFacts, by: 'code' | 'link'): Promise<string> {
    return this.#deps.database.transaction(async (repositories) => {
      const proof = await repositories.emailProofs.consume(proofId)
      // A decoy is consumed like any other, and refused like a wrong code.
      if (!proof?.userId || proof.purpose !== 'verify-email')
        throw new DomainError(proof ? 'proof_invalid' : 'proof_used')
      const before = await repositories.users.find(proof.userId)
      if (!(await repositories.users.markEmailVerified(proof.userId, proof.email)))
        throw new DomainError('proof_expired')
      // The password of the registration that is being confirmed counts, not one that somebody else typed for
      // this address before; once the address was proven, registrations no longer reach the password.
      if (proof.passwordHash && before && !before.emailVerified)
        await repositories.users.setPassword(proof.userId, proof.passwordHash)
      await repositories.emailProofs.expireAll(proof.userId, 'verify-email')
      await repositories.audit.append({
        name: 'user.email_verified',
        outcome: 'success',
        userId: proof.userId,
        request: facts,
        detail: { by },
      })
      return proof.userId
    })
  }

  async #insert(
    from: Pick<EmailProof, 'purpose' | 'userId' | 'email' | 'flow' | 'interactionUid' | 'passwordHash'>,
  ): Promise<{ proofId: string }> {
    const { database, random } = this.#deps
    const { purpose, userId, email, flow, interactionUid, passwordHash } = from
    return database.transaction(async (repositories) => {
      const proof = await repositories.emailProofs.insert({
        id: random.id('prf'),
        purpose,
        userId,
        email,
        flow,
        interactionUid,
        passwordHash,
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
