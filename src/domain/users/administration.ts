/**
 * People as administrators (and each their own) make and change them. Each operation is one transaction with its audit
 * record. Who may ask for it is decided by the caller; ending access is `access/service.ts`.
 */
import type { Actor } from '../access/service.ts'
import { record } from '../audit/record.ts'
import type { Person, UserChanges } from '../directory/directory.ts'
import { DomainError, type FieldProblems, InvalidInput } from '../errors.ts'
import { normalisePassword, type PasswordPolicy, passwordProblems } from '../passwords/policy.ts'
import type { Database, PasswordHasher, Random } from '../ports.ts'
import { networkOf } from '../protection/throttle.ts'
import { emailProblem, usernameProblem } from './identifiers.ts'
import { mailPasswordLink } from './password-links.ts'
import type { Profile } from './user.ts'

export interface NewPerson {
  email: string
  /** the administrator vouches for it */
  emailVerified?: boolean | undefined
  username?: string | undefined
  profile?: Profile | undefined
  /** absent: there is none yet */
  password?: string | undefined
  /** by mail, to choose a password; absent: where there is none yet */
  invite?: boolean | undefined
}

export interface UserAdministrationDeps {
  database: Database
  hasher: PasswordHasher
  random: Random
  policy: PasswordPolicy
  /** after a mail was written */
  mailSoon: () => void
}

export class UserAdministration {
  readonly #deps: UserAdministrationDeps

  constructor(deps: UserAdministrationDeps) {
    this.#deps = deps
  }

  /** @throws InvalidInput, `email_taken`, `username_taken`, `busy` */
  async create(input: NewPerson, actor: Actor): Promise<Person> {
    const { database, hasher, random, policy, mailSoon } = this.#deps
    const { email, username, profile = {}, password, invite = password === undefined } = input
    const faults = problemsOf(input)
    const about = { email, username, name: profile.name }
    const [weak] = password === undefined ? [] : passwordProblems(password, policy, about)
    if (weak) faults.password = weak
    // Who is sent a link to choose a password chooses it themselves.
    if (invite && password !== undefined) faults.invite = { code: 'invite_with_password' }
    refuse(faults)
    const from = actor.request ? networkOf(actor.request.ip) : undefined
    const hash = password === undefined ? undefined : await hasher.hash(normalisePassword(password), from)
    const id = random.id('usr')
    const person = await database.transaction(async (repositories) => {
      const { users } = repositories
      await users.insert({
        ...{ id, email: email.trim(), emailVerified: input.emailVerified ?? false },
        ...{ username: undefined, profile },
      })
      if (username && !(await users.takeUsername(username, id))) throw new DomainError('username_taken')
      if (hash !== undefined) await users.setPassword(id, hash)
      if (invite) await mailPasswordLink(repositories, random, 'invitation', { id, email: email.trim() })
      const about = { userId: id, personal: { email: email.trim() } }
      await record(repositories, 'user.created', about, actor, { invited: invite })
      return repositories.people.find(id)
    })
    if (!person) throw new DomainError('not_found')
    if (invite) mailSoon()
    return person
  }

  /**
   * @param version the one that was seen; undefined: whatever it is now
   * @throws InvalidInput, `not_found`, `stale`, `email_taken`, `username_taken`
   */
  async update(id: string, version: number | undefined, changes: UserChanges, actor: Actor): Promise<Person> {
    refuse(problemsOf(changes))
    const person = await this.#deps.database.transaction(async (repositories) => {
      const { people, users } = repositories
      const before = changes.email === undefined ? undefined : await people.find(id)
      if (!(await people.change(id, version, changes)))
        throw new DomainError((await people.find(id)) ? 'stale' : 'not_found')
      if (changes.username !== undefined && !(await users.takeUsername(changes.username, id)))
        throw new DomainError('username_taken')
      // Links that were mailed to the address of before are worth nothing for the new one; these go for good.
      if (changes.email !== undefined) {
        await repositories.emailProofs.expireAll(id, 'reset-password')
        await repositories.emailProofs.expireAll(id, 'verify-email')
      }
      const { profile = {}, ...others } = changes
      const changed = [...Object.keys(others), ...Object.keys(profile)].join(' ')
      const personal = before && { email_before: before.email, email: String(changes.email) }
      const about = { userId: id, ...(personal ? { personal } : {}) }
      await record(repositories, 'user.updated', about, actor, { changed })
      return people.find(id)
    })
    if (!person) throw new DomainError('not_found')
    return person
  }
}

/** As an operator has it written down: what is absent goes. Throws `not_found`. */
export async function replaceProfile(
  database: Pick<Database, 'transaction'>,
  id: string,
  profile: Profile,
  actor: Actor,
): Promise<void> {
  await database.transaction(async (repositories) => {
    if (!(await repositories.users.setProfile(id, profile))) throw new DomainError('not_found')
    await record(repositories, 'user.updated', { userId: id }, actor, { changed: 'profile' })
  })
}

function problemsOf({ email, username }: { email?: string; username?: string | undefined }): FieldProblems {
  const faults: FieldProblems = {}
  const wrongEmail = email === undefined ? undefined : emailProblem(email)
  if (wrongEmail) faults.email = { code: wrongEmail }
  const wrongName = username === undefined ? undefined : usernameProblem(username)
  if (wrongName) faults.username = { code: wrongName }
  return faults
}

function refuse(faults: FieldProblems): void {
  if (Object.keys(faults).length > 0) throw new InvalidInput(faults)
}
