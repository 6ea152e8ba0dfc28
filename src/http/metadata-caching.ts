/** The discovery document and the JWKS change rarely and are read by everybody: let them be kept for five minutes. */
import type { Context, Middleware, Next } from 'koa'
import { DISCOVERY_PATH, ENDPOINTS } from '../oidc/routes.ts'

const CACHED = new Set<string>([DISCOVERY_PATH, '/.well-known/oauth-authorization-server', ENDPOINTS.jwks])

export function metadataCaching(): Middleware {
  return async (ctx: Context, next: Next) => {
    await next()
    if (!CACHED.has(ctx.path) || ctx.status !== 200) return
    ctx.set('Cache-Control', 'public, max-age=300')
    // Read by browser apps of any origin.
    ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
  }
}
