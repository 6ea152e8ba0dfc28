/** Checks an identifier and a password, at the same cost and with the same answer whatever is wrong with them. */
import type { RequestFacts } from '../audit/events.ts'
import type { EmailProof } from '../email/proof.ts'
import { DomainError } from '../errors.ts'
import { normalisePassword, PASSWORD_MAX_LENGTH } from '../passwords/policy.ts'
import type { Database, KeyedHash, PasswordHasher } from '../ports.ts'
import { type Bucket, networkOf, type Throttle } from '../protection/throttle.ts'
import { emailKey, looksLikeEmail, usernameKey } from '../users/identifiers.ts'
import type { User } from '../users/user.ts'
import { isCurrent } from './device.ts'

export interface SignInDeps {
  database: Database
  hasher: PasswordHasher
  throttle: Throttle
  keyed: KeyedHash
  /** told how each attempt ended: `proven`, or the code of the refusal */
  counted: (result: string) => void
}

export interface Attempt {
  identifier: string
  password: string
  /** device id this browser holds for an account (see `device.ts`), asked once the account is known */
  deviceFor: (userId: string) => string | undefined
  facts: RequestFacts
  clientId: string | undefined
}

/** Who it is; or a registration whose address is not proven yet, given with its own password. */
export type Authenticated =
  | { user: User; credential: string; registration?: undefined }
  | { user?: undefined; credential?: undefined; registration: EmailProof }

export class SignIn {
  readonly #deps: SignInDeps

  constructor(deps: SignInDeps) {
    this.#deps = deps
  }

  /**
   * The person, or a refusal: `invalid_credentials` (unknown, wrong, disabled: one code), `throttled`, `busy`.
   * An unproven address is no refusal here; the proof is asked for next.
   *
   * Registrations count for every address, so that what one typed into the registration form works here for a taken
   * address as it does for a free one: it leads to the code, which for a taken address nobody is ever sent.
   */
  async authenticate(attempt: Attempt): Promise<Authenticated> {
    const { counted } = this.#deps
    try {
      const authenticated = await this.#authenticate(attempt)
      counted('proven')
      return authenticated
    } catch (error) {
      counted(error instanceof DomainError ? error.code : 'error')
      throw error
    }
  }

  async #authenticate(attempt: Attempt): Promise<Authenticated> {
    const { database, hasher, throttle } = this.#deps
    const user = await this.#find(attempt.identifier)
    // The same look-ups for everybody, so that an unknown name costs what a known one does.
    const [phc, registration] = await Promise.all([
      database.users.passwordHash(user?.id ?? 'nobody'),
      database.emailProofs.findRegistration(attempt.identifier),
    ])
    const device = user && phc !== undefined ? this.#knownDevice(user.id, phc, attempt) : undefined
    // Counted by what was typed: an account's two names must look like any two names.
    const buckets = throttle.signIn(this.#digest(attempt.identifier), device, attempt.facts.ip)
    const refund = await this.#take(buckets, user, attempt)
    const password = normalisePassword(attempt.password)
    const plausible = password !== '' && [...password].length <= PASSWORD_MAX_LENGTH
    const draft = registration?.registration
    const from = networkOf(attempt.facts.ip)
    let right: boolean
    let registered: boolean
    try {
      right = await hasher.verify(
        plausible && user?.status === 'active' ? phc : undefined,
        plausible ? password : '-',
        from,
      )
      // Also when the account's password was right: where there is a draft, everybody waits for two.
      registered =
        draft !== undefined && plausible && (await hasher.verify(draft.passwordHash, password, from))
    } catch (error) {
      await refund()
      throw error
    }
    if (registered && registration && !right) {
      await refund()
      return { registration }
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
    return this.#credentialsOf(phc)[0] as string
  }

  /** Whether the credential names the password the account has now. */
  async isCurrentCredential(userId: string, credential: string | undefined): Promise<boolean> {
    const phc = await this.#deps.database.users.passwordHash(userId)
    return phc !== undefined && this.#credentialsOf(phc).some((current) => current === credential)
  }

  async currentCredential(userId: string): Promise<string | undefined> {
    const phc = await this.#deps.database.users.passwordHash(userId)
    return phc === undefined ? undefined : this.credentialOf(phc)
  }

  /** Current first; a proof or a device may be older than the key. */
  #credentialsOf(phc: string): string[] {
    return this.#deps.keyed.digests('credential', phc).map((digest) => digest.toString('base64url'))
  }

  async #find(identifier: string): Promise<User | undefined> {
    const { users } = this.#deps.database
    return looksLikeEmail(identifier) ? users.findByEmail(identifier) : users.findByUsername(identifier)
  }

  #digest(identifier: string): string {
    const key = looksLikeEmail(identifier) ? emailKey(identifier) : usernameKey(identifier)
    return this.#deps.keyed.digest('unknown-identifier', key).toString('base64url')
  }

  #knownDevice(userId: string, phc: string, attempt: Attempt): string | undefined {
    const deviceId = attempt.deviceFor(userId)
    return deviceId !== undefined && this.#credentialsOf(phc).some((it) => isCurrent(deviceId, it))
      ? `${userId}:${deviceId}`
      : undefined
  }

  /** One record an hour for a network, whoever it asks for: refusals cost an attacker nothing and must not fill the table. */
  async #take(buckets: Bucket[], user: User | undefined, attempt: Attempt) {
    const { throttle } = this.#deps
    try {
      return await throttle.take(buckets)
    } catch (error) {
      if (await throttle.firstOf(`throttled:${networkOf(attempt.facts.ip)}`))
        await this.#audit('user.sign_in_throttled', user, attempt)
      throw error
    }
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
