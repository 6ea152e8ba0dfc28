/** Browser apps may call the endpoints they need from the origins of their own redirect URIs, and no others. */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'

export function clientBasedCORS(ctx: KoaContextWithOIDC, origin: string, client: Client): boolean {
  if (origin === 'null') return false
  // A confidential client has no business in a browser; its users' tokens may still be used there at userinfo.
  if (ctx.oidc.route !== 'userinfo' && client.clientAuthMethod !== 'none') return false
  return (client.redirectUris ?? []).some((uri) => URL.parse(uri)?.origin === origin)
}
