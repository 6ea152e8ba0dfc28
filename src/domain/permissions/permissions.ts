/**
 * Who may do what. Permissions are named, roles are sets of them, and a token carries the ones its app was given as
 * scopes: what happens is what person and app may both do. Pure; where roles are kept, and what is in those that an
 * owner made, is the store's affair (`roles.ts`).
 */
export const PERMISSIONS = {
  'account:read': 'read your own account, sessions, activity and consents',
  'account:write': 'change or delete your own account, end sessions, withdraw consents',
  'users:read': 'list and read people',
  'users:write': 'create, change, disable and enable people',
  'users:delete': 'delete people for good',
  'users:import': 'import people, with their passwords and proven addresses',
  'users:export': 'export everybody with all that is known of them',
  'sessions:read': 'see where people are signed in',
  'sessions:write': 'end sessions and withdraw consents of people',
  'roles:read': 'list and read roles and what they allow',
  'roles:write': 'make, give and take roles',
  'clients:read': 'list and read applications',
  'clients:write': 'create, change, disable and delete applications',
  'resources:read': 'list and read APIs and their scopes',
  'resources:write': 'create, change, disable and delete APIs',
  'keys:read': 'see which keys sign',
  'keys:write': 'rotate and revoke signing keys',
  'audit:read': 'read the record of security events',
  'webhooks:read': 'see which endpoints are told of events, and how it went',
  'webhooks:write': 'have endpoints told of events',
  'system:read': 'see how the deployment is doing and is set up',
  'system:write': 'try again, or drop, what could not be delivered',
} as const

export type Permission = keyof typeof PERMISSIONS
export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as Permission[]

/** What everybody may, with what is their own. */
export const OWN: readonly Permission[] = ['account:read', 'account:write']

export const OWNER = 'owner'

/** Only an owner gives and takes roles, so no other role can grow by itself. */
export const ROLES = {
  [OWNER]: PERMISSION_NAMES,
  admin: PERMISSION_NAMES.filter((name) => name !== 'roles:write'),
  support: [...OWN, 'users:read', 'sessions:read', 'sessions:write'],
  auditor: [
    ...OWN,
    ...([
      'users:read',
      'sessions:read',
      'roles:read',
      'clients:read',
      'resources:read',
      'keys:read',
    ] as const),
    ...(['audit:read', 'system:read'] as const),
  ],
} as const satisfies Record<string, readonly Permission[]>

export type Role = keyof typeof ROLES

/** A role as somebody has it. */
export interface HeldRole {
  name: string
  /** of one that an owner made; undefined: a built-in one, or none that there is */
  permissions?: readonly string[] | undefined
}

/** Somebody who asks, by an app; or an app that asks on its own account. */
export interface Actor {
  /** empty: an app on its own account, which is nobody and has nothing of its own here */
  userId: string
  /** as they are at this moment */
  permissions: ReadonlySet<Permission>
  /** of the access token */
  scopes: readonly string[]
}

/** The person who is to be read or changed. */
export interface Target {
  userId: string
  permissions: ReadonlySet<Permission>
}

/** What happens is what person and app may both do: to others, too, and in what is handed on to them. */
export function grantedTo({ permissions, scopes }: Actor): ReadonlySet<Permission> {
  return new Set([...permissions].filter((one) => scopes.includes(one)))
}

/** The app was not given it; the person may not; not with this one. */
export type Denial = 'scope' | 'role' | 'target'

export function can(actor: Actor, permission: Permission, target?: Target): boolean {
  return denial(actor, permission, target) === undefined
}

/** Why not; undefined when it is allowed. */
export function denial(actor: Actor, permission: Permission, target?: Target): Denial | undefined {
  if (!actor.scopes.includes(permission)) return 'scope'
  if (!actor.permissions.has(permission)) return 'role'
  if (!target || permission.endsWith(':read')) return undefined
  if (OWN.includes(permission)) return target.userId === actor.userId ? undefined : 'target'
  // Who could change somebody mightier could become them, by their address. An app is no mightier than it was made.
  return isWithin(grantedTo(actor), target.permissions) ? undefined : 'target'
}

/**
 * Whether somebody may hand on, or reach, what these allow.
 * @param may undefined: an operator at the terminal, who may everything
 */
export function isWithin(
  may: ReadonlySet<Permission> | undefined,
  permissions: Iterable<Permission>,
): boolean {
  // What everybody has of their own makes nobody mightier.
  return may === undefined || [...permissions].every((one) => OWN.includes(one) || may.has(one))
}

/** Of a person with these roles. A name that is no role grants nothing. */
export function permissionsOf(roles: readonly HeldRole[]): ReadonlySet<Permission> {
  const held = roles.flatMap(({ name, permissions = [] }): readonly Permission[] =>
    isRole(name) ? ROLES[name] : permissions.filter(isPermission),
  )
  return new Set([...OWN, ...held])
}

export function isRole(name: string): name is Role {
  return Object.hasOwn(ROLES, name)
}

export function isPermission(name: string): name is Permission {
  return Object.hasOwn(PERMISSIONS, name)
}
