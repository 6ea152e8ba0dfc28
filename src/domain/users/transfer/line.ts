/**
 * One person as one line of JSON (JSON Lines): what an export writes, an import reads. Names are those of the standard
 * claims (OpenID Connect Core 1.0, 5.1); what is not known here is refused, so that nothing is lost unseen.
 */
import { emailProblem, usernameProblem } from '../identifiers.ts'
import { addressClaimOf, PROFILE_TEXTS, profileOfClaims, textClaimsOf } from '../profile-claims.ts'
import type { Profile } from '../user.ts'
import type { LineFault } from './fault.ts'
import type { StoredPerson } from './ports.ts'

/** What a line says; what it does not say is absent. */
export interface UserLine {
  id: string | undefined
  email: string
  emailVerified: boolean | undefined
  username: string | undefined
  profile: Profile
  disabled: boolean | undefined
  createdAt: Date | undefined
  roles: string[] | undefined
  /** in whatever form it came */
  passwordHash: unknown
}

export type Fault = Omit<LineFault, 'line'>

/** characters of a line; a person has far less */
export const LINE_MAX = 32 * 1024

const CLAIMS = [...Object.keys(PROFILE_TEXTS), 'address', 'phone_number_verified']
const OTHERS = [
  ...['id', 'email', 'email_verified', 'username', 'disabled', 'created_at', 'roles', 'password_hash'],
]
/** A UUID, or an id of ours. It becomes the `sub` that applications know the person by. */
const ID = /^(usr_[A-Za-z0-9_-]{8,64}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})$/
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/

const ROLES_MAX = 20

const EMAIL_REMEDY = {
  required: 'every person needs an address to sign in with and to be reached at',
  invalid_email: 'write it as the mail server knows it: name@host.example, in composed letters',
  email_too_long: 'give one of at most 254 bytes',
} as const

/** What a line says, or everything that is wrong with it. `now` refuses what was created later. */
export function readLine(text: string, now: Date): UserLine | Fault[] {
  const record = parsed(text)
  if (!record) return [fault('', 'the line is no JSON object', 'write one object a line, in UTF-8')]
  const faults = Object.keys(record)
    .filter((name) => !CLAIMS.includes(name) && !OTHERS.includes(name))
    .map((name) =>
      fault(
        name.slice(0, 50),
        'is no member of a person',
        `take it out; known are ${OTHERS.join(', ')} and claims`,
      ),
    )
  const { id, email, username, roles } = record
  if (id !== undefined && !(typeof id === 'string' && ID.test(id)))
    faults.push(
      fault('id', 'is no UUID in lower case', 'leave it out: one is made, and applications see it as sub'),
    )
  const emailFault = typeof email === 'string' ? emailProblem(email) : 'required'
  if (emailFault) faults.push(fault('email', 'is no e-mail address', EMAIL_REMEDY[emailFault]))
  if (username !== undefined && !(typeof username === 'string' && usernameProblem(username) === undefined))
    faults.push(
      fault('username', 'is no username', '3 to 32 letters, digits, dots, dashes or underscores of ASCII'),
    )
  for (const name of ['email_verified', 'disabled'])
    if (record[name] !== undefined && typeof record[name] !== 'boolean')
      faults.push(fault(name, 'is neither true nor false', 'write it without quotes'))
  const createdAt = momentOf(record.created_at)
  if (record.created_at !== undefined && !(createdAt && createdAt <= now))
    faults.push(
      fault('created_at', 'is no moment of the past', 'write it as 2024-05-31T12:00:00Z (RFC 3339)'),
    )
  const areNames = Array.isArray(roles) && roles.length <= ROLES_MAX && roles.every(isRoleName)
  if (roles !== undefined && !areNames)
    faults.push(fault('roles', 'is no list of names of roles', 'write it as ["support"]'))
  const profile = profileOrFaults(record)
  if (Array.isArray(profile)) return [...faults, ...profile]
  if (faults.length > 0) return faults
  return {
    id: id as string | undefined,
    email: String(email).trim(),
    emailVerified: record.email_verified as boolean | undefined,
    username: (username as string | undefined)?.trim(),
    profile,
    disabled: record.disabled as boolean | undefined,
    createdAt,
    roles: roles === undefined ? undefined : [...new Set(roles as string[])].sort(),
    passwordHash: record.password_hash ?? undefined,
  }
}

/** @param hash as it is given out; undefined: without */
export function writeLine(person: StoredPerson, hash: string | undefined): string {
  const { profile } = person
  const said = {
    id: person.id,
    email: person.email,
    email_verified: person.emailVerified,
    username: person.username,
    ...textClaimsOf(profile),
    phone_number_verified: profile.phoneNumberVerified,
    address: profile.address && addressClaimOf(profile.address),
    ...(person.status === 'disabled' ? { disabled: true } : {}),
    created_at: person.createdAt.toISOString(),
    ...(person.roles.length > 0 ? { roles: person.roles } : {}),
    password_hash: hash,
  }
  return `${JSON.stringify(said)}\n`
}

export function fault(field: string, what: string, remedy: string): Fault {
  return { field, what, remedy }
}

function parsed(text: string): Record<string, unknown> | undefined {
  if (text.length > LINE_MAX || text.includes('\\u0000')) return undefined
  try {
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject && JSON.stringify(value).isWellFormed() ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function profileOrFaults(record: Record<string, unknown>): Profile | Fault[] {
  const claims = CLAIMS.filter((name) => record[name] !== undefined).map((name) => [name, record[name]])
  try {
    return profileOfClaims(Object.fromEntries(claims))
  } catch (error) {
    return (error as Error).message.split('\n').map((said) => {
      const [field = ''] = /^[a-z_]+/.exec(said) ?? []
      return fault(field, said, 'change the value, or take the member out')
    })
  }
}

function momentOf(value: unknown): Date | undefined {
  if (typeof value !== 'string' || !MOMENT.test(value)) return undefined
  const moment = new Date(value)
  // The calendar of the store knows no year 0.
  return moment.getUTCFullYear() >= 1 ? moment : undefined
}

function isRoleName(value: unknown): boolean {
  return typeof value === 'string' && /^[\w.:-]{1,64}$/.test(value)
}
