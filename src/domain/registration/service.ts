/**
 * Registration ends in one transaction: user, password, proof, outbox row, audit record. What a stranger sees is the
 * same whether the address has an account or not; only the mail differs, and only the address's owner reads it.
 */
import type { RequestFacts } from '../audit/events.ts'
import type { ProofPurpose } from '../email/proof.ts'
import { type FieldProblems, InvalidInput, isDomainError } from '../errors.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from '../passwords/policy.ts'
import type { Database, PasswordHasher, Random, Repositories } from '../ports.ts'
import type { Throttle } from '../protection/throttle.ts'
import { emailKey, emailProblem, usernameProblem } from '../users/identifiers.ts'
import type { User } from '../users/user.ts'

export const VERIFY_TTL_SECONDS = 24 * 3600
/** a name reserved for nobody lasts as long as an account that was never proven */
const NAME_RESERVED_SECONDS = 7 * 24 * 3600
const NAME_MAX_LENGTH = 120

export interface RegistrationInput {
  email: string
  username: string
  name: string
  password: string
}

export interface RegistrationDeps {
  database: Database
  hasher: PasswordHasher
  throttle: Throttle
  random: Random
  policy: PasswordPolicy
}

export class Registration {
  readonly #deps: RegistrationDeps

  constructor(deps: RegistrationDeps) {
    this.#deps = deps
  }

  /**
   * @param flow what began it; `interactionUid` is where the link in the mail leads on to
   * @returns the proof that is now in the mail
   * @throws InvalidInput with every fault, `throttled`, `busy`
   */
  async register(
    input: RegistrationInput,
    context: { flow: string; interactionUid: string | undefined; facts: RequestFacts },
  ): Promise<{ proofId: string }> {
    const { hasher, throttle } = this.#deps
    const faults = this.problems(input)
    if (Object.keys(faults).length > 0) throw new InvalidInput(faults)
    await throttle.take([
      ...throttle.form(context.facts.ip),
      ...throttle.mail(emailKey(input.email), context.facts.ip),
    ])
    const passwordHash = await hasher.hash(normalisePassword(input.password))
    try {
      return await this.#store(input, passwordHash, context)
    } catch (error) {
      // Two registrations of one address at once: the second finds the first's account and takes the other branch.
      if (isDomainError(error, 'email_taken')) return await this.#store(input, passwordHash, context)
      if (isDomainError(error, 'username_taken'))
        throw new InvalidInput({ username: { code: 'username_taken' } })
      throw error
    }
  }

  problems(input: RegistrationInput): FieldProblems {
    const faults: FieldProblems = {}
    const email = emailProblem(input.email)
    if (email) faults.email = { code: email }
    if (input.username.trim() !== '') {
      const username = usernameProblem(input.username)
      if (username) faults.username = { code: username }
    }
    if ([...input.name.trim()].length > NAME_MAX_LENGTH) faults.name = { code: 'name_too_long' }
    const [password] = passwordProblems(input.password, this.#deps.policy, input)
    if (password) faults.password = password
    return faults
  }

  async #store(
    input: RegistrationInput,
    passwordHash: string,
    context: { flow: string; interactionUid: string | undefined; facts: RequestFacts },
  ): Promise<{ proofId: string }> {
    const { database, random } = this.#deps
    const email = input.email.trim()
    const username = input.username.trim() || undefined
    return database.transaction(async (repositories) => {
      const existing = await repositories.users.findByEmail(email)
      const user = existing ?? (await this.#create(repositories, { email, username, input, passwordHash }))
      if (existing) await spendAsMuch(repositories, existing, passwordHash)
      if (
        username &&
        !(await repositories.users.claimUsername(
          username,
          existing ? undefined : user.id,
          existing ? NAME_RESERVED_SECONDS : undefined,
        ))
      )
        throw new InvalidInput({ username: { code: 'username_taken' } })
      const purpose: ProofPurpose = user.emailVerified ? 'account-exists' : 'verify-email'
      const proof = await repositories.emailProofs.insert({
        id: random.id('prf'),
        purpose,
        userId: user.id,
        email,
        flow: context.flow,
        interactionUid: context.interactionUid,
        passwordHash,
        ttlSeconds: VERIFY_TTL_SECONDS,
      })
      await repositories.outbox.insert({ template: purpose, proofId: proof.id })
      await repositories.audit.append({
        name: existing ? 'user.registration_repeated' : 'user.registered',
        outcome: 'success',
        userId: user.id,
        request: context.facts,
      })
      return { proofId: proof.id }
    })
  }

  async #create(
    repositories: Repositories,
    wanted: { email: string; username: string | undefined; input: RegistrationInput; passwordHash: string },
  ): Promise<User> {
    const name = wanted.input.name.trim()
    const user = await repositories.users.insert({
      id: this.#deps.random.id('usr'),
      email: wanted.email,
      emailVerified: false,
      username: wanted.username,
      profile: name === '' ? {} : { name },
    })
    await repositories.users.setPassword(user.id, wanted.passwordHash)
    return user
  }
}

/** As many statements as making an account takes, changing nothing: the answer's time tells nothing either. */
async function spendAsMuch({ users }: Repositories, existing: User, passwordHash: string): Promise<void> {
  await users.rehashPassword(existing.id, 'no such hash', passwordHash)
  await users.rehashPassword(existing.id, 'no such hash either', passwordHash)
}
