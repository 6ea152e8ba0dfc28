/** Checks an identifier and a password, at the same cost and with the same answer whatever is wrong with them. */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError } from '../errors.ts'
import { normalisePassword, PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import type { Database, KeyedHash, PasswordHasher } from '../ports.ts'
import type { Throttle } from '../protection/throttle.ts'
import { emailKey, looksLikeEmail, usernameKey } from '../users/identifiers.ts'
import type { User } from '../users/user.ts'

export interface SignInDeps {
  database: Database
  hasher: PasswordHasher
  throttle: Throttle
  keyed: KeyedHash
}

export interface Attempt {
  identifier: string
  password: string
  /** device id this browser holds for an account (see `device.ts`), asked once the account is known */
  deviceFor: (userId: string) => string | undefined
  facts: RequestFacts
  clientId: string | undefined
}

export class SignIn {
  readonly #deps: SignInDeps

  constructor(deps: SignInDeps) {
    this.#deps = deps
  }

  /**
   * The person, or a refusal: `invalid_credentials` (unknown, wrong, disabled: one code), `throttled`, `busy`.
   * An unproven address is no refusal here; `nextStep` asks for the proof.
   */
  async authenticate(attempt: Attempt): Promise<{ user: User; credential: string }> {
    const { database, hasher, throttle } = this.#deps
    const user = await this.#find(attempt.identifier)
    const account = user?.id ?? `unknown:${this.#digest(attempt.identifier)}`
    const device = user ? attempt.deviceFor(user.id) : undefined
    let refund: () => Promise<void>
    try {
      refund = await throttle.take(throttle.signIn(account, device, attempt.facts.ip))
    } catch (error) {
      await this.#audit('user.sign_in_throttled', user, attempt)
      throw error
    }
    // One look-up for everybody, so that an unknown name costs what a known one does.
    const phc = await database.users.passwordHash(user?.id ?? 'nobody')
    const password = normalisePassword(attempt.password)
    const plausible = password !== '' && [...password].length <= PASSWORD_MAX_LENGTH
    let right: boolean
    try {
      right = await hasher.verify(
        plausible && user?.status === 'active' ? phc : undefined,
        plausible ? password : '-',
      )
    } catch (error) {
      await refund()
      throw error
    }
    if (!right || !user || !phc) {
      await this.#audit('user.sign_in_failed', user, attempt)
      throw new DomainError('invalid_credentials')
    }
    await refund()
    const current = hasher.needsRehash(phc) ? await this.#rehash(user.id, phc, password) : phc
    return { user, credential: this.credentialOf(current) }
  }

  /** Names the password a proof was given with; a proof given with a password since replaced counts for nothing. */
  credentialOf(phc: string): string {
    return this.#deps.keyed.digest('credential', phc).toString('base64url')
  }

  async currentCredential(userId: string): Promise<string | undefined> {
    const phc = await this.#deps.database.users.passwordHash(userId)
    return phc === undefined ? undefined : this.credentialOf(phc)
  }

  async #find(identifier: string): Promise<User | undefined> {
    const { users } = this.#deps.database
    return looksLikeEmail(identifier) ? users.findByEmail(identifier) : users.findByUsername(identifier)
  }

  #digest(identifier: string): string {
    const key = looksLikeEmail(identifier) ? emailKey(identifier) : usernameKey(identifier)
    return this.#deps.keyed.digest('unknown-identifier', key).toString('base64url')
  }

  /** Parameters grew since: store the stronger hash, unless the password was changed meanwhile or slots are full. */
  async #rehash(userId: string, from: string, password: string): Promise<string> {
    try {
      const to = await this.#deps.hasher.hash(password)
      return (await this.#deps.database.users.rehashPassword(userId, from, to)) ? to : from
    } catch {
      return from
    }
  }

  async #audit(
    name: 'user.sign_in_failed' | 'user.sign_in_throttled',
    user: User | undefined,
    attempt: Attempt,
  ): Promise<void> {
    await this.#deps.database.audit.append({
      name,
      outcome: 'failure',
      userId: user?.id,
      clientId: attempt.clientId,
      request: attempt.facts,
    })
  }
}
