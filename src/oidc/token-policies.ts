/** Who may ask about a token and who may end it (RFC 7662 4, RFC 7009 2.1). */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'

type AnyToken = { clientId?: string | undefined }

/** A client sees its own tokens; the operator's own services (first-party, confidential) see all. */
export async function introspectionAllowed(
  ctx: KoaContextWithOIDC,
  client: Client,
  token: AnyToken,
): Promise<boolean> {
  if (token.clientId === client.clientId) return true
  if (client.first_party !== true || client.clientAuthMethod === 'none') return false
  // A token whose client was deleted is not active; the engine, told to go on, would fail looking the client up.
  return (await ctx.oidc.provider.Client.find(String(token.clientId))) !== undefined
}

export async function revocationAllowed(
  _ctx: KoaContextWithOIDC,
  client: Client,
  token: AnyToken,
): Promise<boolean> {
  return token.clientId === client.clientId
}
