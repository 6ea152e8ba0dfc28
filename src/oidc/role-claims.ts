/**
 * What a person is in an application (claim `roles`): told to that application alone, when it asks by the scope `roles`
 * or the claims parameter; and in access tokens to APIs that want it (RFC 9068 2.2.3.1), when their app asked by scope.
 */
import type { AccessToken, ClientCredentials, KoaContextWithOIDC } from 'oidc-provider'
import type { ApplicationRoleRepository } from '../domain/permissions/ports.ts'
import { Unavailable } from './errors.ts'
import type { KnownResources } from './known-resources.ts'

const SCOPE = 'roles'

export interface RoleDeps {
  applicationRoles: Pick<ApplicationRoleRepository, 'namesOf'>
  resources: Pick<KnownResources, 'find'>
  isUnavailable: (error: unknown) => boolean
}

/** Names of the roles of a person at a client. */
export type RolesAt = (userId: string, clientId: string | undefined) => Promise<string[]>

export function rolesAt({ applicationRoles, isUnavailable }: RoleDeps): RolesAt {
  return async (userId, clientId) => {
    if (clientId === undefined) return []
    try {
      return await applicationRoles.namesOf(userId, clientId)
    } catch (error) {
      throw isUnavailable(error) ? new Unavailable(error) : error
    }
  }
}

/** @param claims of the claims parameter (OpenID Connect Core 1.0, 5.5), by name */
export function asksForRoles(scope: string, claims: object | undefined): boolean {
  return scope.split(' ').includes(SCOPE) || (claims !== undefined && Object.hasOwn(claims, 'roles'))
}

type TokenClaims = (
  ctx: KoaContextWithOIDC | undefined,
  token: AccessToken | ClientCredentials,
) => Promise<Record<string, unknown> | undefined>

/** Adds the claim to those that tokens have for other reasons. */
export function withRoles(deps: RoleDeps, others: TokenClaims): TokenClaims {
  const rolesOf = rolesAt(deps)
  return async (ctx, token) => {
    const claims = await others(ctx, token)
    const { accountId, aud, clientId } = token as AccessToken
    if (!ctx || accountId === undefined || typeof aud !== 'string' || !asked(ctx)) return claims
    if (!(await deps.resources.find(aud))?.includesRoles) return claims
    return { ...claims, roles: await rolesOf(accountId, clientId) }
  }
}

/** Whether what the token is made of was asked for with the scope, and it was allowed; and not left out at a refresh. */
function asked({ oidc }: KoaContextWithOIDC): boolean {
  if (oidc.params?.grant_type === 'refresh_token' && oidc.params.scope && !oidc.requestParamScopes.has(SCOPE))
    return false
  const entities = oidc.entities as Record<string, { scopes?: Set<string> } | undefined>
  return SOURCES.some((name) => entities[name]?.scopes?.has(SCOPE))
}

const SOURCES = ['AuthorizationCode', 'RefreshToken', 'DeviceCode', 'BackchannelAuthenticationRequest']
