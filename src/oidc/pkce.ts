/** Who must use PKCE (RFC 9700 2.1.1): everybody, but for clients that an operator exempted and requests with `nonce`. */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'

export function pkceRequired(ctx: KoaContextWithOIDC, client: Client): boolean {
  // The engine takes a nonce only with the scope openid, so there is an ID token to find it in.
  const hasNonce = typeof ctx.oidc.params?.nonce === 'string' && ctx.oidc.params.nonce !== ''
  return !(client.pkce_exempt === true && client.clientAuthMethod !== 'none' && hasNonce)
}
