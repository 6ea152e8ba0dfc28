/**
 * Who may ask about a token and who may end it.
 *
 * Asking (RFC 7662 section 4): the client it was issued to; the API it is for, which asks under the client id that is
 * the token's audience; and the operator's own confidential services. To everybody else, and about whoever or whatever
 * (person, client, API) is gone or disabled, it is not active. Ending (RFC 7009 2.1): the client it was issued to.
 */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { UsableAccount } from './account.ts'
import type { KnownResources } from './known-resources.ts'
import { takesTokensOf } from './resources.ts'

interface AnyToken {
  clientId?: string | undefined
  accountId?: string | undefined
  aud?: string | string[] | undefined
  authTime?: number | undefined
}

export function introspectionAllowed(account: UsableAccount, resources: Pick<KnownResources, 'find'>) {
  return async (ctx: KoaContextWithOIDC, client: Client, token: AnyToken): Promise<boolean> => {
    if (token.clientId !== client.clientId) {
      if (!isFor(client, token)) return false
      // The engine, told to go on, would fail looking up a client that is gone.
      if (!(await ctx.oidc.provider.Client.find(String(token.clientId)))) return false
    }
    // Written while its API was being disabled or removed; or of a client that may not have it any more.
    for (const audience of [token.aud ?? []].flat()) {
      const server = await resources.find(audience)
      if (!server || !takesTokensOf(token.clientId, server)) return false
    }
    return token.accountId === undefined || (await account(token.accountId, token.authTime)) !== undefined
  }
}

export async function revocationAllowed(
  _ctx: KoaContextWithOIDC,
  client: Client,
  token: AnyToken,
): Promise<boolean> {
  return token.clientId === client.clientId
}

/** Anybody can be a public client, so none is told about others. */
function isFor(client: Client, token: AnyToken): boolean {
  if (client.clientAuthMethod === 'none') return false
  return client.first_party === true || [token.aud].flat().includes(client.clientId)
}
