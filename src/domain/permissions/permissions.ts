/**
 * Who may do what. Permissions are named, roles are sets of them, and a token carries the ones its app was given as
 * scopes: what happens is what person and app may both do. Pure; where roles are kept is the store's affair.
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
  'roles:write': 'give and take roles',
  'clients:read': 'list and read applications',
  'clients:write': 'create, change, disable and delete applications',
  'audit:read': 'read the record of security events',
  'system:read': 'see how the deployment is doing',
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
  auditor: [...OWN, 'users:read', 'sessions:read', 'clients:read', 'audit:read', 'system:read'],
} as const satisfies Record<string, readonly Permission[]>

export type Role = keyof typeof ROLES
export const ROLE_NAMES = Object.keys(ROLES) as [Role, ...Role[]]

/** Somebody who asks, by an app. */
export interface Actor {
  userId: string
  /** as stored; a name that is no role of ours grants nothing */
  roles: readonly string[]
  /** of the access token */
  scopes: readonly string[]
}

/** The person that is to be read or changed. */
export interface Target {
  userId: string
  roles: readonly string[]
}

/** An application that acts for owners without their being asked again: who could change it could become one of them. */
export const ACTS_FOR_OWNERS: Target = { userId: '', roles: [OWNER] }

/** The app was not given it; the person may not; the person may not with this one. */
export type Denial = 'scope' | 'role' | 'target'

export function can(actor: Actor, permission: Permission, target?: Target): boolean {
  return denial(actor, permission, target) === undefined
}

/** Why not; undefined when it is allowed. */
export function denial(actor: Actor, permission: Permission, target?: Target): Denial | undefined {
  if (!actor.scopes.includes(permission)) return 'scope'
  const held = permissionsOf(actor.roles)
  if (!held.has(permission)) return 'role'
  if (!target || permission.endsWith(':read')) return undefined
  if (OWN.includes(permission)) return target.userId === actor.userId ? undefined : 'target'
  // Who could change somebody mightier could become them: by their address, or by locking them out.
  return [...permissionsOf(target.roles)].every((one) => held.has(one)) ? undefined : 'target'
}

export function permissionsOf(roles: readonly string[]): ReadonlySet<Permission> {
  return new Set([...OWN, ...roles.flatMap((role) => (isRole(role) ? ROLES[role] : []))])
}

export function isRole(name: string): name is Role {
  return Object.hasOwn(ROLES, name)
}
