/**
 * Registration writes a draft: one proof, one outbox row, one audit record, the same whether the address has an
 * account or not. The account is made when the proof is redeemed (`email/verification.ts`); a taken address gets a
 * mail that says so, decided when the mail is sent. So nothing here can tell a stranger who has an account, and what
 * a stranger types about somebody's address never touches that person's account.
 */
import type { RequestFacts } from '../audit/events.ts'
import { type FieldProblems, InvalidInput } from '../errors.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from '../passwords/policy.ts'
import type { Database, PasswordHasher, Random } from '../ports.ts'
import { networkOf, type Throttle } from '../protection/throttle.ts'
import { emailKey, emailProblem, usernameProblem } from '../users/identifiers.ts'

export const VERIFY_TTL_SECONDS = 24 * 3600
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
   * @param mayGoOn asked when the input is right and the throttles let it pass; throws what it wants to be answered
   * @returns the proof that is now in the mail, and the id that the account will have
   * @throws InvalidInput with every fault, `throttled`, `busy`
   */
  async register(
    input: RegistrationInput,
    context: { flow: string; interactionUid: string | undefined; facts: RequestFacts },
    mayGoOn: () => Promise<void> = async () => {},
  ): Promise<{ proofId: string; userId: string; createdAt: Date }> {
    const { database, hasher, random, throttle } = this.#deps
    const faults = this.problems(input)
    if (Object.keys(faults).length > 0) throw new InvalidInput(faults)
    await throttle.take([
      ...throttle.form(context.facts.ip),
      ...throttle.mail(emailKey(input.email), context.facts.ip),
    ])
    await mayGoOn()
    const passwordHash = await hasher.hash(normalisePassword(input.password), networkOf(context.facts.ip))
    const email = input.email.trim()
    const username = input.username.trim() || undefined
    const userId = random.id('usr')
    return database.transaction(async (repositories) => {
      if (username && !(await repositories.users.reserveUsername(username, context.flow, VERIFY_TTL_SECONDS)))
        throw new InvalidInput({ username: { code: 'username_taken' } })
      const proof = await repositories.emailProofs.insert({
        id: random.id('prf'),
        purpose: 'register',
        userId: undefined,
        email,
        flow: context.flow,
        interactionUid: context.interactionUid,
        registration: {
          userId,
          passwordHash,
          username,
          name: input.name.trim() || undefined,
        },
        ttlSeconds: VERIFY_TTL_SECONDS,
      })
      await repositories.outbox.insert({ template: 'register', proofId: proof.id })
      await repositories.audit.append({
        name: 'user.registration_begun',
        outcome: 'success',
        request: context.facts,
      })
      return { proofId: proof.id, userId, createdAt: proof.createdAt }
    })
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
}
