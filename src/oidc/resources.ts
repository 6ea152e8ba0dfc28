/**
 * Resource servers (RFC 8707). Whoever asks for one of them gets a JWT access token (RFC 9068), or an opaque one that
 * the API asks us about.
 */
import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import { apiPermissionsOf } from '../domain/clients/api-access.ts'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { ResourceServer as Known } from '../domain/resources/resource-server.ts'
import { isApiClient, keepToOwnApi } from './api-client.ts'
import type { KnownResources } from './known-resources.ts'
import { isStranger } from './strangers.ts'

export interface ResourceDeps {
  resources: KnownResources
  /** those there is a key for */
  signingAlgorithms: readonly SigningAlgorithm[]
}

export function resourceServerInfo({ resources, signingAlgorithms }: ResourceDeps) {
  return async (ctx: KoaContextWithOIDC, indicator: string, client: Client): Promise<ResourceServer> => {
    // A client that came by itself acts for people who consent, never on its own account at the operator's APIs.
    if (isStranger(client) && ctx.oidc.params?.grant_type === 'client_credentials')
      throw new errors.InvalidTarget('this client may not ask for the resource on its own account')
    const server = await resources.find(indicator)
    if (!server) throw new errors.InvalidTarget('the resource is not known here (RFC 8707 2)')
    if (!takesTokensOf(client.clientId, server))
      throw new errors.InvalidTarget('this client may not ask for the resource')
    keepToOwnApi(client, server)
    // Our own API names people by the ids that such a client must not learn (OpenID Connect Core 1.0, 8.1).
    if (server.source === 'built-in' && client.subjectType === 'pairwise')
      throw new errors.InvalidTarget('clients with pairwise subjects may not ask for the resource')
    const known = tokensFor(server, signingAlgorithms)
    if (server.source === 'built-in' && ctx.oidc.params?.grant_type === 'client_credentials')
      return onOwnAccount(known, client)
    const { scopesOfStrangers } = server
    if (scopesOfStrangers === undefined || !(isStranger(client) || isApiClient(client))) return known
    return { ...known, scope: scopesOfStrangers.join(' ') }
  }
}

/** Our own API is open to programs that an operator let in, and for that much (RFC 6749 4.4). */
function onOwnAccount(known: ResourceServer, client: Client): ResourceServer {
  const allowed = apiPermissionsOf(client)
  if (allowed.length === 0)
    throw new errors.InvalidTarget('this client may not ask for the resource on its own account')
  return { ...known, scope: allowed.join(' ') }
}

/** Whether the API takes tokens of this client. */
export function takesTokensOf(clientId: string | undefined, { clients }: Pick<Known, 'clients'>): boolean {
  return clients === 'all' || (clientId !== undefined && clients.includes(clientId))
}

/** What the engine is to know of an API. Throws `invalid_target` when there is no key for its algorithm (any more). */
export function tokensFor(server: Known, signingAlgorithms: readonly SigningAlgorithm[]): ResourceServer {
  const { audience, scopes, tokenFormat, tokenTtl, signingAlgorithm } = server
  if (tokenFormat === 'jwt' && !signingAlgorithms.includes(signingAlgorithm))
    throw new errors.InvalidTarget('there is no key for the algorithm of the resource (SIGNING_ALGORITHMS)')
  return {
    audience,
    scope: scopes.map(({ name }) => name).join(' '),
    accessTokenFormat: tokenFormat,
    accessTokenTTL: tokenTtl,
    jwt: { sign: { alg: signingAlgorithm } },
  }
}
