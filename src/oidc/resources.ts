/**
 * Resource servers (RFC 8707). Whoever asks for one of them gets a JWT access token (RFC 9068) signed with ES256, or an
 * opaque one that the API asks us about.
 */
import { type Client, errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'

export interface ResourceServerSettings {
  audience: string
  scopes: readonly string[]
  /** of these, what a client that registered itself may ask for; all unless given */
  scopesOfStrangers?: readonly string[]
  /** seconds */
  tokenTtl: number
  tokenFormat?: 'jwt' | 'opaque'
}

export function resourceServerInfo(servers: readonly ResourceServerSettings[]) {
  const byIndicator = new Map(servers.map((server) => [server.audience, server]))
  return async (ctx: KoaContextWithOIDC, indicator: string, client: Client): Promise<ResourceServer> => {
    const server = byIndicator.get(indicator)
    // A client that registered itself acts for people who consent, never on its own account at the operator's APIs.
    if (client.self_registered === true && ctx.oidc.params?.grant_type === 'client_credentials')
      throw new errors.InvalidTarget('this client may not ask for the resource on its own account')
    if (!server) throw new errors.InvalidTarget('the resource is not known here (RFC 8707 2)')
    return {
      audience: server.audience,
      scope: ((client.self_registered === true && server.scopesOfStrangers) || server.scopes).join(' '),
      accessTokenFormat: server.tokenFormat ?? 'jwt',
      accessTokenTTL: server.tokenTtl,
      jwt: { sign: { alg: 'ES256' } },
    }
  }
}
