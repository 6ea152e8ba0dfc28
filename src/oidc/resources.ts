/** Resource servers (RFC 8707): whoever asks for one of them gets a JWT access token (RFC 9068) signed with ES256. */
import { errors, type KoaContextWithOIDC, type ResourceServer } from 'oidc-provider'

export interface ResourceServerSettings {
  audience: string
  scopes: readonly string[]
  /** seconds */
  tokenTtl: number
}

export function resourceServerInfo(servers: readonly ResourceServerSettings[]) {
  const byIndicator = new Map(servers.map((server) => [server.audience, server]))
  return async (_ctx: KoaContextWithOIDC, indicator: string): Promise<ResourceServer> => {
    const server = byIndicator.get(indicator)
    if (!server) throw new errors.InvalidTarget('the resource is not known here (RFC 8707 2)')
    return {
      audience: server.audience,
      scope: server.scopes.join(' '),
      accessTokenFormat: 'jwt',
      accessTokenTTL: server.tokenTtl,
      jwt: { sign: { alg: 'ES256' } },
    }
  }
}
