/**
 * Requests that a browser brings by GET and by POST: authorization (OpenID Connect Core 1.0, 3.1.2.1) and sign-out
 * (RP-Initiated Logout 1.0, 2). The engine could take a POST itself only with SameSite=None cookies; here its parameters
 * become a GET of the browser's own, which sends them.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'

/** What fits into an address everywhere; longer requests are what pushed requests (RFC 9126) are for. */
const LIMIT = 8 * 1024

export function postAsGet(path: string) {
  const ours = new RegExp(`^${path}/?$`, 'i')
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    if (ctx.method !== 'POST' || !ours.test(ctx.path) || !ctx.is('urlencoded')) return next()
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of ctx.req) {
      size += (chunk as Buffer).length
      if (size > LIMIT) return ctx.throw(413)
      chunks.push(chunk as Buffer)
    }
    // Parsed and written anew: nothing of it can end the address or a header line.
    const query = new URLSearchParams(Buffer.concat(chunks).toString())
    ctx.status = 303
    ctx.redirect(`${path}?${query}`)
  }
}
