/**
 * Applications and our own API: what one may do there on its own account (RFC 6749 4.4), which only an operator says
 * (`api_permissions`), and who may change an application that could do what they may not.
 */
import type { Actor } from '../access/service.ts'
import type { ClientDirectory } from '../directory/directory.ts'
import { DomainError } from '../errors.ts'
import {
  ACTS_FOR_OWNERS,
  type Actor as Caller,
  denial,
  isPermission,
  isWithin,
  OWN,
  type Permission,
} from '../permissions/permissions.ts'

type Metadata = Readonly<Record<string, unknown>>

const BEYOND = 'It may do, or acts for people who may do, what you may not'
export const OF_STRANGERS = 'a client that registered itself acts for people only'

/** What it may do on its own account; nothing unless an operator said so. */
export function apiPermissionsOf(client: object): Permission[] {
  const { api_permissions: names } = client as Metadata
  return Array.isArray(names) ? names.filter((name) => isGivable(name)) : []
}

/** Why metadata that say so cannot be; undefined: they can. */
export function apiAccessFault(metadata: Metadata): string | undefined {
  const { api_permissions: names, token_endpoint_auth_method: method, grant_types: grants } = metadata
  if (names === undefined) return undefined
  const wrong = Array.isArray(names) ? names.find((name) => !isGivable(name)) : names
  if (!Array.isArray(names) || wrong !== undefined)
    return `api_permissions: ${JSON.stringify(wrong)} is no permission that an application can have by itself`
  if (method === 'none') return 'api_permissions needs a client that proves what it is (RFC 6749 4.4)'
  if (!Array.isArray(grants) || !grants.includes('client_credentials'))
    return 'api_permissions needs grant_types to hold client_credentials'
  return undefined
}

/** What is a person's own is nobody's else. */
function isGivable(name: unknown): name is Permission {
  return typeof name === 'string' && isPermission(name) && !OWN.includes(name)
}

/** @throws `forbidden` where people who may more would not be asked about what the application does then */
export function assertWithin(actor: Caller, actsForOwners: boolean): void {
  if (actsForOwners) assertReaches(actor, ACTS_FOR_OWNERS)
}

/**
 * Who can have an application's codes sent elsewhere, or its secret, can do what it may do, and what people allowed it:
 * they have sent the codes before they are asked again.
 * @throws `forbidden`; nothing for one that does not exist
 */
export async function assertMayChange(
  actor: Caller,
  by: Actor,
  id: string,
  applications: Pick<ClientDirectory, 'find' | 'allowedScopes'>,
): Promise<void> {
  const [client, scopes] = await Promise.all([applications.find(id), applications.allowedScopes(id)])
  if (!client) return
  assertMayLet(by, client)
  const allowed = new Set([...scopes, ...apiPermissionsOf(client.metadata)].filter(isPermission))
  assertWithin(actor, client.firstParty || allowed.has('roles:write'))
  assertReaches(actor, allowed)
}

/**
 * What it may do by itself nobody is asked about: the app that this is done by must have been given all of it, too.
 * @throws `forbidden`
 */
export function assertMayLet({ may }: Actor, { metadata }: { metadata: Metadata }): void {
  if (!isWithin(may, apiPermissionsOf(metadata))) throw new DomainError('forbidden', { detail: BEYOND })
}

function assertReaches(actor: Caller, permissions: ReadonlySet<Permission>): void {
  if (denial(actor, 'clients:write', { userId: '', permissions }))
    throw new DomainError('forbidden', { detail: BEYOND })
}
