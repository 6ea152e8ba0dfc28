/**
 * Requests that a browser brings by GET and by POST: authorization (OpenID Connect Core 1.0, 3.1.2.1) and sign-out
 * (RP-Initiated Logout 1.0, 2). The engine could take a POST itself only with SameSite=None cookies; here its parameters
 * become a GET of the browser's own, which sends them.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import { readBody } from './request-body.ts'

/** bytes; what fits into an address everywhere; longer requests are what pushed requests (RFC 9126) are for. */
const LIMIT = 8 * 1024

export function postAsGet(path: string) {
  const ours = new RegExp(`^${path}/?$`, 'i')
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    if (ctx.method !== 'POST' || !ours.test(ctx.path) || !ctx.is('urlencoded')) return next()
    const body = await readBody(ctx, LIMIT)
    if (!body) return ctx.throw(413)
    // Parsed and written anew: nothing of it can end the address or a header line.
    const query = new URLSearchParams(body.toString())
    ctx.status = 303
    ctx.redirect(`${path}?${query}`)
  }
}
