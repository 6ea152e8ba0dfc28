/**
 * Resource servers (RFC 8707). Whoever asks for one of them gets a JWT access token (RFC 9068), or an opaque one that
 * the API asks us about.
 */
import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { ResourceServer as Known } from '../domain/resources/resource-server.ts'
import type { KnownResources } from './known-resources.ts'

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
    const known = tokensFor(server, signingAlgorithms)
    const { scopesOfStrangers } = server
    const limited = isStranger(client) ? scopesOfStrangers : undefined
    return limited ? { ...known, scope: limited.join(' ') } : known
  }
}

/** Came by itself, by registration or by a document: no operator has looked at it. */
function isStranger(client: Client): boolean {
  return client.self_registered === true || client.metadata_document === true
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
