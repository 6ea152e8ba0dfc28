/**
 * People in bulk, as lines of JSON. A batch is one transaction with its audit records, so an import that broke off is
 * begun anew: what is there already is left as it is. Lines with faults are told and not written; the others are.
 */
import type { Actor } from '../../access/service.ts'
import type { AuditEvent } from '../../audit/events.ts'
import { DomainError, isDomainError } from '../../errors.ts'
import { assertGivable } from '../../permissions/roles.ts'
import type { Clock, Database, Random, Repositories } from '../../ports.ts'
import { emailKey, usernameKey } from '../identifiers.ts'
import { HashRefused, type LineFault, type PasswordTransfer } from './fault.ts'
import { type Fault, fault, readLine, type UserLine } from './line.ts'
import { knownBy, type OnConflict, planOf, type Step } from './plan.ts'
import type { PersonToInsert } from './ports.ts'

const BATCH = 500
/** Told of; the rest is counted. */
const FAULTS_SHOWN = 1000
/** Somebody registers at this moment, under a name of the batch. */
const TRIES = 3

export interface ImportOptions {
  /** says what would happen, writes nothing */
  dryRun: boolean
  onConflict: OnConflict
  /** told of the lines read so far, after each batch */
  progress?: (lines: number) => void
}

export interface ImportReport {
  dryRun: boolean
  /** lines that were not empty */
  read: number
  created: number
  updated: number
  /** said nothing that is not so already */
  unchanged: number
  /** there already, and left as they are */
  skipped: number
  /** lines with faults: not written */
  refused: number
  /** of the first lines with faults */
  faults: LineFault[]
}

export interface UserImportDeps {
  database: Database
  random: Random
  clock: Clock
  passwords: PasswordTransfer
  /** after access was ended */
  accessEnded: () => void
}

interface Numbered {
  number: number
  line: UserLine
}

type Counted = 'created' | 'updated' | 'unchanged' | 'skipped'
type Outcome = { number: number; was: Counted } | { number: number; faults: Fault[] }

class Race extends Error {}

export class UserImport {
  readonly #deps: UserImportDeps

  constructor(deps: UserImportDeps) {
    this.#deps = deps
  }

  /** @throws `busy` when others kept taking the names of a batch; what was written before stays */
  async run(
    lines: Iterable<string> | AsyncIterable<string>,
    options: ImportOptions,
    actor: Actor,
  ): Promise<ImportReport> {
    const report: ImportReport = {
      ...{ dryRun: options.dryRun, read: 0, created: 0, updated: 0, unchanged: 0, skipped: 0, refused: 0 },
      faults: [],
    }
    const names = new Names()
    let batch: Numbered[] = []
    let number = 0
    const finish = async () => {
      for (const outcome of await this.#batch(batch, options, actor)) count(report, outcome)
      batch = []
      options.progress?.(number)
    }
    for await (const text of lines) {
      number += 1
      if (text.trim() === '') continue
      report.read += 1
      const line = readLine(text, this.#deps.clock.now())
      const faults = Array.isArray(line) ? line : names.take(number, line)
      if (faults.length > 0) count(report, { number, faults })
      else batch.push({ number, line: line as UserLine })
      if (batch.length === BATCH) await finish()
    }
    await finish()
    if (!options.dryRun) await this.#recordWhole(report, actor)
    return report
  }

  async #batch(batch: readonly Numbered[], options: ImportOptions, actor: Actor): Promise<Outcome[]> {
    if (batch.length === 0) return []
    const { database, accessEnded } = this.#deps
    if (options.dryRun) return (await this.#plan(batch, database, options, actor)).map(outcomeOf)
    for (let tries = 1; ; tries += 1) {
      try {
        const steps = await database.transaction(async (repositories) => {
          const steps = await this.#plan(batch, repositories, options, actor)
          await this.#write(steps, repositories, actor)
          return steps
        })
        accessEnded()
        return steps.map(outcomeOf)
      } catch (error) {
        if (!(error instanceof Race || isDomainError(error, 'email_taken'))) throw error
        if (tries === TRIES) throw new DomainError('busy', { cause: error })
      }
    }
  }

  /** What is to be done with each line; a hash that is not taken is a fault like any other. */
  async #plan(
    batch: readonly Numbered[],
    { userTransfer, roles }: Pick<Repositories, 'userTransfer' | 'roles'>,
    { onConflict }: ImportOptions,
    { may }: Actor,
  ): Promise<Planned[]> {
    const known = knownBy(
      await userTransfer.known({
        ids: batch.flatMap(({ line }) => line.id ?? []),
        emails: batch.map(({ line }) => emailKey(line.email)),
        usernames: batch.flatMap(({ line }) => (line.username ? usernameKey(line.username) : [])),
      }),
      await roles.list(),
    )
    return batch.map(({ number, line }) => {
      const step = planOf(line, known, onConflict, may)
      const setsPassword = step.kind === 'create' || (step.kind === 'update' && step.changes.setPassword)
      if (!setsPassword || line.passwordHash === undefined) return { number, line, step, phc: undefined }
      try {
        return { number, line, step, phc: this.#deps.passwords.take(line.passwordHash) }
      } catch (error) {
        if (!(error instanceof HashRefused)) throw error
        const faults = [fault('password_hash', error.message, error.remedy)]
        return { number, line, step: { kind: 'fault', faults }, phc: undefined }
      }
    })
  }

  async #write(planned: readonly Planned[], repositories: Repositories, actor: Actor): Promise<void> {
    const { by, request } = actor
    const people = planned.filter(({ step }) => step.kind === 'create').map((one) => this.#personOf(one))
    const given = planned.flatMap(({ step, line }) =>
      step.kind === 'create'
        ? (line.roles ?? [])
        : step.kind === 'update'
          ? (step.changes.addRoles ?? [])
          : [],
    )
    // Held until the end: a role that is being deleted is not given.
    for (const role of new Set(given)) await assertGivable(repositories, role, actor)
    if (people.length > 0 && !(await repositories.userTransfer.insert(people))) throw new Race()
    const about = (userId: string, facts: Record<string, string>): AuditEvent => ({
      ...{ name: 'user.imported', outcome: 'success', userId, request },
      detail: { by, ...facts },
    })
    const events = people.map(({ id }) => about(id, { as: 'created' }))
    for (const { line, step, phc } of planned)
      if (step.kind === 'update') {
        await update(step, phc, repositories)
        events.push(about(step.person.id, { as: 'updated', changed: Object.keys(step.changes).join(' ') }))
        if (line.email !== step.person.email) await forgetLinks(step.person.id, repositories)
      }
    await repositories.audit.appendAll(events)
  }

  #personOf({ line, phc }: Planned): PersonToInsert {
    const { random, clock } = this.#deps
    return {
      id: line.id ?? random.id('usr'),
      email: line.email,
      emailVerified: line.emailVerified ?? false,
      username: line.username,
      profile: line.profile,
      status: line.disabled ? 'disabled' : 'active',
      createdAt: line.createdAt ?? clock.now(),
      roles: line.roles ?? [],
      phc,
    }
  }

  async #recordWhole(report: ImportReport, { by, request }: Actor): Promise<void> {
    const { read, created, updated, unchanged, skipped, refused } = report
    await this.#deps.database.audit.append({
      ...{ name: 'users.imported', outcome: 'success', request },
      detail: { by, read, created, updated, unchanged, skipped, refused },
    })
  }
}

interface Planned extends Numbered {
  step: Step
  phc: string | undefined
}

type Update = Extract<Step, { kind: 'update' }>

async function update({ person, changes }: Update, phc: string | undefined, repositories: Repositories) {
  const { people, users, access } = repositories
  const { email, profile, username, status, addRoles = [] } = changes
  if (email !== undefined || profile !== undefined)
    await people.change(person.id, undefined, {
      ...(email === undefined ? {} : { email }),
      ...(profile === undefined ? {} : { profile }),
    })
  if (username !== undefined && !(await users.takeUsername(username, person.id))) throw new Race()
  if (changes.verify) await users.markEmailVerified(person.id, email ?? person.email)
  for (const role of addRoles) await users.addRole(person.id, role)
  if (phc !== undefined) await users.setPassword(person.id, phc)
  if (status === undefined) return
  await access.revokeAccount(person.id)
  await users.setStatus(person.id, status)
}

/** Links that were mailed to the address of before are worth nothing for the new one. */
async function forgetLinks(userId: string, { emailProofs }: Repositories): Promise<void> {
  await emailProofs.expireAll(userId, 'reset-password')
  await emailProofs.expireAll(userId, 'verify-email')
}

function outcomeOf({ number, step }: Planned): Outcome {
  if (step.kind === 'fault') return { number, faults: step.faults }
  const was = { create: 'created', update: 'updated', unchanged: 'unchanged', skip: 'skipped' } as const
  return { number, was: was[step.kind] }
}

function count(report: ImportReport, outcome: Outcome): void {
  if ('was' in outcome) {
    report[outcome.was] += 1
    return
  }
  report.refused += 1
  const room = FAULTS_SHOWN - report.faults.length
  report.faults.push(...outcome.faults.slice(0, room).map((one) => ({ line: outcome.number, ...one })))
}

/** Each name once in a file. Keeps the line of each: a few hundred bytes a person. */
class Names {
  readonly #lines = new Map<string, number>()

  take(number: number, { id, email, username }: UserLine): Fault[] {
    const names: [field: string, name: string][] = [
      ...(id === undefined ? [] : [['id', `id:${id}`] as [string, string]]),
      ['email', `email:${emailKey(email)}`],
      ...(username === undefined ? [] : [['username', `name:${usernameKey(username)}`] as [string, string]]),
    ]
    const faults = names.flatMap(([field, name]) => {
      const other = this.#lines.get(name)
      return other === undefined
        ? []
        : [fault(field, `stands in line ${other} already`, 'keep one of the two lines')]
    })
    if (faults.length === 0) for (const [, name] of names) this.#lines.set(name, number)
    return faults
  }
}
