/**
 * RFC 7009 2.2: nobody reads the body of a revocation's answer. The engine's empty body comes as `text/plain`, which
 * browser libraries (oidc-client-ts) take for a wrong answer; without a type they take it for what it is.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'

export function untypedRevocationAnswer() {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    if (ctx.oidc?.route === 'revocation' && ctx.body === '') ctx.remove('Content-Type')
  }
}
