/**
 * Applications and our own API: what one may do there on its own account (RFC 6749 4.4), which only an operator says
 * (`api_permissions`), and who may change an application that could do what they may not.
 */
import type { Actor } from '../access/service.ts'
import { DomainError } from '../errors.ts'
import { isPermission, isWithin, OWN, OWNER, type Permission, ROLES } from '../permissions/permissions.ts'
import type { ClientSettings } from './client.ts'

type Metadata = Readonly<Record<string, unknown>>

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

/**
 * Who can have an application's codes sent elsewhere, or its secret, can do what it may do, and what people allowed it:
 * they have sent the codes before they are asked again. One that is first-party, or may give roles, acts for owners.
 * @param allowed scopes that people allowed it
 * @throws `forbidden`
 */
export function assertMayChange(
  actor: Actor,
  { firstParty, metadata }: Pick<ClientSettings, 'firstParty' | 'metadata'>,
  allowed: readonly string[] = [],
): void {
  const reached = [...allowed.filter(isPermission), ...apiPermissionsOf(metadata)]
  assertWithin(actor, firstParty || reached.includes('roles:write') ? ROLES[OWNER] : reached)
}

/**
 * What it may do by itself nobody is asked about: whoever lets it work may all of it.
 * @throws `forbidden`
 */
export function assertMayLet(actor: Actor, { metadata }: Pick<ClientSettings, 'metadata'>): void {
  assertWithin(actor, apiPermissionsOf(metadata))
}

function assertWithin({ may }: Actor, permissions: readonly Permission[]): void {
  if (!isWithin(may, permissions))
    throw new DomainError('forbidden', {
      detail: 'It may do, or acts for people who may do, what you may not',
    })
}
