/**
 * By what a registration is let in: the token that is presented, or nothing where registration is open. Kept beside the
 * request, from the engine's look at the token to the row of the client.
 */
import { randomBytes } from 'node:crypto'
import { errors } from 'oidc-provider'
import { type Admission, closedBecause, TOKEN_PURPOSE } from '../domain/clients/initial-access-token.ts'
import { sameSecret } from '../domain/email/secrets.ts'
import type { Clock, InitialAccessTokenRepository, KeyedHash } from '../domain/ports.ts'

/** The engine's name for what is asked of everybody who registers (`registration-policy.ts`). */
export const POLICY = 'admission'

export interface AdmissionsDeps {
  tokens: Pick<InitialAccessTokenRepository, 'find' | 'admissionOf'>
  keyed: KeyedHash
  clock: Clock
  /** whether who has no token may register */
  open: boolean
  /** the operator's initial access token (RFC 7591 3): valid as long as it is configured, and stored nowhere */
  configured: string | undefined
}

export class Admissions {
  /** What a stranger is given by us, as the engine asks everybody for a token; of this process, and never sent. */
  readonly strangers = randomBytes(32).toString('base64url')
  readonly #deps: AdmissionsDeps
  readonly #ofRequest = new WeakMap<object, Admission>()

  constructor(deps: AdmissionsDeps) {
    this.#deps = deps
  }

  get open(): boolean {
    return this.#deps.open
  }

  /**
   * Whether the token lets this request register.
   * @throws InvalidToken where it did once and does no longer, with the reason as detail
   */
  async admit(ctx: object | undefined, value: string): Promise<boolean> {
    const admission = await this.#by(value)
    if (admission && ctx) this.#ofRequest.set(ctx, admission)
    return admission !== undefined
  }

  /** By what the request in hand was let in. */
  ofRequest(ctx: object | undefined): Admission {
    return (ctx && this.#ofRequest.get(ctx)) ?? { kind: 'operator' }
  }

  /** By what a client was let in when it registered: the same limits hold for what it makes of itself later. */
  ofClient(id: string): Promise<Admission> {
    return this.#deps.tokens.admissionOf(id)
  }

  async #by(value: string): Promise<Admission | undefined> {
    const { tokens, keyed, clock, open, configured } = this.#deps
    if (open && value === this.strangers) return { kind: 'open' }
    if (configured !== undefined && sameSecret(keyed, configured, value)) return { kind: 'operator' }
    const token = await tokens.find(keyed.digests(TOKEN_PURPOSE, value))
    if (!token) return undefined
    const reason = closedBecause(token, clock.now())
    if (reason) throw new errors.InvalidToken(reason)
    return { kind: 'token', token }
  }
}
