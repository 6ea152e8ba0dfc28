/** The first administrator comes from a one-time link that only the operator sees, never from a default password. */
import type { RequestFacts } from '../audit/events.ts'
import { DomainError, type FieldProblems, InvalidInput } from '../errors.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from '../passwords/policy.ts'
import { OWNER } from '../permissions/permissions.ts'
import type { Database, KeyedHash, PasswordHasher, Random, Repositories } from '../ports.ts'
import { emailProblem } from '../users/identifiers.ts'

const SETTING = 'setup'

export interface SetupDeps {
  database: Database
  hasher: PasswordHasher
  random: Random
  keyed: KeyedHash
  policy: PasswordPolicy
}

export class Setup {
  readonly #deps: SetupDeps

  constructor(deps: SetupDeps) {
    this.#deps = deps
  }

  /** A fresh token while there is no owner; the one given out before stops working. Undefined: set up already. */
  async issueToken(): Promise<string | undefined> {
    const { database, random } = this.#deps
    if (!(await this.isOpen())) return undefined
    const token = random.token(24)
    await database.settings.put(SETTING, this.#digest(token))
    return token
  }

  async isOpen(): Promise<boolean> {
    return !(await this.#deps.database.users.anyoneHasRole(OWNER))
  }

  async isValid(token: string): Promise<boolean> {
    const stored = await this.#deps.database.settings.get(SETTING)
    return this.#digests(token).some((digest) => digest === stored)
  }

  /** Makes the owner, once. Throws InvalidInput, `proof_used`, `busy`. */
  async complete(
    token: string,
    input: { email: string; name: string; password: string },
    facts: RequestFacts,
  ): Promise<void> {
    const { database, hasher, random, policy } = this.#deps
    const faults: FieldProblems = {}
    const email = emailProblem(input.email)
    if (email) faults.email = { code: email }
    const [password] = passwordProblems(input.password, policy, input)
    if (password) faults.password = password
    if (Object.keys(faults).length > 0) throw new InvalidInput(faults)
    if (!(await this.isValid(token))) throw new DomainError('proof_used')
    const hash = await hasher.hash(normalisePassword(input.password))
    await database.transaction(async (repositories) => {
      if (!(await this.#take(repositories, token))) throw new DomainError('proof_used')
      const address = input.email.trim()
      const name = input.name.trim()
      const existing = await repositories.users.findByEmail(address)
      const user =
        existing ??
        (await repositories.users.insert({
          id: random.id('usr'),
          email: address,
          emailVerified: true,
          username: undefined,
          profile: name === '' ? {} : { name },
        }))
      if (existing) {
        // The operator vouches for the address; whatever was open under the old password ends.
        await repositories.users.markEmailVerified(user.id, user.email)
        await repositories.access.revokeAccount(user.id)
      }
      await repositories.users.setPassword(user.id, hash)
      await repositories.users.addRole(user.id, OWNER)
      await repositories.audit.append({
        name: 'setup.completed',
        outcome: 'success',
        userId: user.id,
        request: facts,
      })
    })
  }

  async #take({ settings }: Repositories, token: string): Promise<boolean> {
    for (const digest of this.#digests(token)) if (await settings.take(SETTING, digest)) return true
    return false
  }

  #digest(token: string): string {
    return this.#digests(token)[0] as string
  }

  /** As it may be stored: the link may be older than the key. */
  #digests(token: string): string[] {
    return this.#deps.keyed.digests('setup', token).map((digest) => digest.toString('base64url'))
  }
}
