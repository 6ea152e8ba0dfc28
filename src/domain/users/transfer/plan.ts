/** What an import makes of a line, given who is there already. Pure: the same for a dry run and for the real one. */
import { isRole, isWithin, type Permission, permissionsOf } from '../../permissions/permissions.ts'
import type { CustomRole } from '../../permissions/ports.ts'
import { emailKey, usernameKey } from '../identifiers.ts'
import type { Profile } from '../user.ts'
import { type Fault, fault, type UserLine } from './line.ts'
import type { KnownPeople } from './ports.ts'

export const ON_CONFLICT = ['refuse', 'skip', 'update'] as const
/** What to do with somebody who is there already, and otherwise: refuse the line, leave them, take over what it says. */
export type OnConflict = (typeof ON_CONFLICT)[number]

/** What whoever imports may, as at the other doors; undefined: an operator at the terminal, who may everything. */
type May = ReadonlySet<Permission> | undefined

type Existing = KnownPeople['people'][number]

export type Step =
  | { kind: 'create' }
  | { kind: 'update'; person: Existing; changes: Changes }
  | { kind: 'unchanged' | 'skip' }
  | { kind: 'fault'; faults: Fault[] }

/** What of a person is to become as the line says. */
export interface Changes {
  email?: string
  username?: string
  profile?: Profile
  verify?: true
  status?: 'active' | 'disabled'
  addRoles?: string[]
  setPassword?: true
}

/** Who is there, by name. */
export interface Known {
  byId: ReadonlyMap<string, Existing>
  byEmail: ReadonlyMap<string, Existing>
  byUsername: ReadonlyMap<string, Existing>
  held: ReadonlySet<string>
  /** that were made here, with what they allow */
  roles: ReadonlyMap<string, readonly string[]>
}

export function knownBy({ people, held }: KnownPeople, roles: readonly CustomRole[]): Known {
  return {
    byId: new Map(people.map((person) => [person.id, person])),
    byEmail: new Map(people.map((person) => [emailKey(person.email), person])),
    byUsername: new Map(
      people.flatMap((person) => (person.username ? [[usernameKey(person.username), person] as const] : [])),
    ),
    held: new Set(held),
    roles: new Map(roles.map(({ name, permissions }) => [name, permissions])),
  }
}

export function planOf(line: UserLine, known: Known, onConflict: OnConflict, may: May): Step {
  const byEmail = known.byEmail.get(emailKey(line.email))
  const existing = (line.id === undefined ? undefined : known.byId.get(line.id)) ?? byEmail
  const faults = namesTaken(line, existing, byEmail, known)
  if (!existing) {
    faults.push(...rolesRefused(line.roles ?? [], known, may))
    return faults.length > 0 ? { kind: 'fault', faults } : { kind: 'create' }
  }
  if (onConflict === 'skip') return { kind: isSame(line, existing) ? 'unchanged' : 'skip' }
  if (line.id !== undefined && line.id !== existing.id)
    faults.push(
      fault('id', 'the e-mail address is that of somebody with another id', 'take the id out, or the line'),
    )
  if (faults.length > 0) return { kind: 'fault', faults }
  const changes = changesOf(line, existing)
  if (Object.keys(changes).length === 0) return { kind: 'unchanged' }
  if (onConflict === 'refuse')
    return failed('email', 'there is somebody with this address or id', 'skip or update those who are there')
  if (!isWithin(may, ['users:write']))
    return failed(
      '',
      'you may not change people',
      'skip those who are there, or have an administrator import',
    )
  if (!isWithin(may, allowedBy(existing.roles, known)))
    return failed('', 'the person may do what you may not', 'have an owner import the line')
  if (existing.eraseAt)
    return failed(
      '',
      'the account is deleted and waits to be erased',
      'restore it first, or take the line out',
    )
  faults.push(...rolesRefused(changes.addRoles ?? [], known, may))
  if (faults.length > 0) return { kind: 'fault', faults }
  if (changes.status === 'disabled' && existing.roles.includes('owner'))
    return failed('disabled', 'an owner is not disabled by an import', 'take the role first')
  return { kind: 'update', person: existing, changes }
}

function rolesRefused(names: readonly string[], known: Known, may: May): Fault[] {
  const unknown = names.filter((name) => !isRole(name) && !known.roles.has(name))
  if (unknown.length > 0)
    return [
      fault('roles', `there is no role ${unknown.join(', ')}`, 'make it first, or take it out of the line'),
    ]
  const refused = names.length > 0 && !isWithin(may, ['roles:write', ...allowedBy(names, known)])
  return refused
    ? [fault('roles', 'you may not give these roles', 'take them out, or have an owner import the line')]
    : []
}

function allowedBy(names: readonly string[], { roles }: Known): ReadonlySet<Permission> {
  return permissionsOf(names.map((name) => ({ name, permissions: roles.get(name) })))
}

function failed(field: string, what: string, remedy: string): Step {
  return { kind: 'fault', faults: [fault(field, what, remedy)] }
}

function namesTaken(
  { email, username }: UserLine,
  existing: Existing | undefined,
  byEmail: Existing | undefined,
  { byUsername, held }: Known,
): Fault[] {
  const faults: Fault[] = []
  if (byEmail && existing !== byEmail)
    faults.push(
      fault('email', `${email} is the address of somebody else`, 'give each person an address of their own'),
    )
  if (username === undefined) return faults
  const holder = byUsername.get(usernameKey(username))
  if ((holder && holder !== existing) || (!holder && held.has(usernameKey(username))))
    faults.push(fault('username', `${username} is somebody else's`, 'give another one, or take it out'))
  return faults
}

function isSame(line: UserLine, existing: Existing): boolean {
  return Object.keys(changesOf(line, existing)).length === 0
}

/** A password is set only where there is none: the person may have chosen another one since the file was written. */
function changesOf(line: UserLine, existing: Existing): Changes {
  const profile = Object.entries(line.profile).filter(
    ([member, value]) => !equal(existing.profile[member as keyof Profile], value),
  )
  const status = line.disabled ? 'disabled' : 'active'
  const missing = (line.roles ?? []).filter((role) => !existing.roles.includes(role))
  const moves = line.email !== existing.email
  const stillProven = existing.emailVerified && emailKey(line.email) === emailKey(existing.email)
  return {
    ...(moves ? { email: line.email } : {}),
    ...(line.username !== undefined && line.username !== existing.username
      ? { username: line.username }
      : {}),
    ...(profile.length > 0 ? { profile: Object.fromEntries(profile) } : {}),
    ...(line.emailVerified && !stillProven ? { verify: true } : {}),
    ...(line.disabled !== undefined && status !== existing.status ? { status } : {}),
    ...(missing.length > 0 ? { addRoles: missing } : {}),
    ...(line.passwordHash !== undefined && !existing.hasPassword ? { setPassword: true } : {}),
  }
}

function equal(one: unknown, other: unknown): boolean {
  return sorted(one) === sorted(other)
}

/** An address is an object; the order of its members says nothing. */
function sorted(value: unknown): string {
  const isObject = typeof value === 'object' && value !== null
  return JSON.stringify(isObject ? Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)) : value)
}
