/**
 * The sign-in of an app that shows its own forms (draft-ietf-oauth-first-party-apps). A call proves one thing; what comes
 * next is decided by `nextStep`, as it is for the pages, from what the server knows.
 */
import { proofTime } from '../access/proof-time.ts'
import type { RequestFacts } from '../audit/events.ts'
import { tidyCode } from '../email/secrets.ts'
import { type EmailVerification, RESEND_AFTER_SECONDS } from '../email/verification.ts'
import { DomainError } from '../errors.ts'
import type { User } from '../users/user.ts'
import { nextStep } from './next-step.ts'
import type { Progress } from './progress.ts'
import { type StandingDeps, standingOf } from './standing.ts'

export interface DirectSignInDeps extends StandingDeps {
  verification: EmailVerification
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
}

/** What a sign-in came to so far. */
export type Outcome =
  | { step: 'done'; progress: Progress; user: User }
  | { step: 'verify-email'; progress: Progress }
  /** what was proven counts no more: from the beginning */
  | { step: 'identify' }

export interface Credentials {
  username: string
  password: string
  facts: RequestFacts
  clientId: string
}

export class DirectSignIn {
  readonly #deps: DirectSignInDeps

  constructor(deps: DirectSignInDeps) {
    this.#deps = deps
  }

  /**
   * Identifier and password.
   * @param flow names this sign-in in the mails it sends
   * @throws `invalid_credentials`, `throttled`, `busy`
   */
  async begin({ username, password, facts, clientId }: Credentials, flow: string): Promise<Outcome> {
    const { signIn, clock } = this.#deps
    const identifier = username.trim()
    const { user, credential, registration } = await signIn.authenticate({
      identifier,
      password,
      // An app keeps no cookie of ours: it counts as a browser the account never used.
      deviceFor: () => undefined,
      facts,
      clientId,
    })
    if (!registration) {
      const authTime = proofTime(user, clock.now())
      return this.next({ userId: user.id, amr: ['pwd'], authTime, credential, identifier }, flow, facts)
    }
    const { id, email, createdAt } = registration
    const sentAt = Math.floor(createdAt.getTime() / 1000)
    return this.next({ proof: { id, email, sentAt }, identifier }, flow, facts)
  }

  /**
   * The code of the mail.
   * @throws `proof_invalid` (wrong, or no code at all), `proof_expired` (no attempts left), `proof_used`
   */
  async verify(progress: Progress, code: string, flow: string, facts: RequestFacts): Promise<Outcome> {
    const { proof } = progress
    if (proof) {
      const tidy = tidyCode(code)
      if (tidy === undefined) throw new DomainError('proof_invalid')
      await this.#deps.verification.redeemCode(proof.id, tidy, facts)
    }
    return this.next(progress, flow, facts)
  }

  /** Another mail, with another code. Throws `throttled`. */
  async resend(progress: Progress, flow: string, facts: RequestFacts): Promise<Outcome> {
    const { proof } = progress
    if (!proof) return this.next(progress, flow, facts)
    const left = RESEND_AFTER_SECONDS - (this.#now() - proof.sentAt)
    if (left > 0) throw new DomainError('throttled', { retryAfterSeconds: left })
    const { proofId } = await this.#deps.verification.resend(proof.id, facts)
    this.#deps.mailSoon()
    const sent = { ...progress, proof: { ...proof, id: proofId, sentAt: this.#now() } }
    return this.next(sent, flow, facts)
  }

  /** What is left to do. Sends the mail that the next step needs, once. */
  async next(before: Progress, flow: string, facts: RequestFacts): Promise<Outcome> {
    const { progress, user } = await standingOf(before, this.#deps)
    const step = nextStep(progress, user, { verifiedEmail: true, chooseAccount: false, createAccount: false })
    if (step === 'done' && user) return { step, progress, user }
    if (step !== 'verify-email') return { step: 'identify' }
    if (progress.proof || !user) return { step, progress }
    const context = { flow, interactionUid: undefined, facts }
    const { proofId } = await this.#deps.verification.send(user, context)
    this.#deps.mailSoon()
    return {
      step,
      progress: { ...progress, proof: { id: proofId, email: user.email, sentAt: this.#now() } },
    }
  }

  #now(): number {
    return Math.floor(this.#deps.clock.now().getTime() / 1000)
  }
}
