/**
 * Protected resource metadata (RFC 9728): what an app must know to get a token for an API. Ours for userinfo and the REST
 * API, and, for APIs that want it, theirs: they name the address in their challenge, or pass requests for their own on to
 * it.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import { PERMISSION_NAMES } from '../domain/permissions/permissions.ts'
import { audiencesOf } from '../domain/resources/resource-server.ts'
import { apiAudience } from './api-access.ts'
import { SCOPES } from './claims.ts'
import type { OperatorPages } from './discovery.ts'
import { DPOP_ALGORITHMS } from './dpop-proof.ts'
import type { KnownResources } from './known-resources.ts'
import { ENDPOINTS } from './routes.ts'

export const RESOURCE_METADATA_PATH = '/.well-known/oauth-protected-resource'

export interface ResourceMetadataDeps {
  issuer: string
  resources: Pick<KnownResources, 'find'>
  /** of signed userinfo */
  signingAlgorithms: readonly SigningAlgorithm[]
  operatorPages: OperatorPages
  brandName: string
}

/** What follows the well-known path (RFC 9728 3.1), without its first slash, to the document; undefined: there is none. */
export function resourceMetadata(deps: ResourceMetadataDeps) {
  return async (path: string): Promise<Record<string, unknown> | undefined> => {
    if (`/${path}` === ENDPOINTS.userinfo) return ofUserinfo(deps)
    if (`${deps.issuer}/${path}` === apiAudience(deps.issuer)) return ofApi(deps)
    for (const audience of [`${deps.issuer}/${path}`, ...audiencesOf(path)]) {
      const server = await deps.resources.find(audience)
      if (server?.publishMetadata)
        return {
          resource: audience,
          authorization_servers: [deps.issuer],
          scopes_supported: server.scopes.map(({ name }) => name),
          bearer_methods_supported: ['header'],
          resource_name: server.name,
          resource_documentation: server.documentation,
        }
    }
    return undefined
  }
}

function ofUserinfo(deps: ResourceMetadataDeps): Record<string, unknown> {
  const { issuer, signingAlgorithms, operatorPages, brandName } = deps
  return {
    resource: issuer + ENDPOINTS.userinfo,
    authorization_servers: [issuer],
    jwks_uri: issuer + ENDPOINTS.jwks,
    scopes_supported: SCOPES.filter((scope) => scope !== 'offline_access'),
    bearer_methods_supported: ['header', 'body'],
    resource_signing_alg_values_supported: signingAlgorithms,
    resource_name: `${brandName} userinfo`,
    resource_documentation: operatorPages.docs,
    resource_policy_uri: operatorPages.policy,
    resource_tos_uri: operatorPages.terms,
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
  }
}

function ofApi({ issuer }: ResourceMetadataDeps): Record<string, unknown> {
  return {
    resource: apiAudience(issuer),
    resource_name: 'Ostiary API',
    resource_documentation: `${issuer}/docs`,
    authorization_servers: [issuer],
    scopes_supported: PERMISSION_NAMES,
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: DPOP_ALGORITHMS,
  }
}

/** RFC 9728 5.1: whoever is turned away at userinfo is told where to read what a call needs. */
export function userinfoChallenge(issuer: string) {
  const parameter = `resource_metadata="${issuer}${RESOURCE_METADATA_PATH}${ENDPOINTS.userinfo}"`
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    if (ctx.oidc?.route !== 'userinfo') return
    const challenges = [ctx.response.headers['www-authenticate'] ?? []].flat()
    if (challenges.length > 0)
      ctx.set(
        'WWW-Authenticate',
        challenges.map((challenge) => `${challenge}, ${parameter}`),
      )
  }
}
