/**
 * Headers of every answer. The engine adds the hash of its own auto-submit script to our `script-src`, so the policy
 * must be there before it runs. There is no `form-action`: Chromium applies it to the redirect that leads to the app.
 * There is no Cross-Origin-Opener-Policy: it would cut off apps that sign in by pop-up.
 */
import type { Context, Middleware, Next } from 'koa'
import { ENDPOINTS } from '../../oidc/routes.ts'
import { stateOf } from '../state.ts'

/** @param frames origins that this page may show in frames, instead of our own */
export const pagePolicy = (frames: readonly string[] = ["'self'"]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "connect-src 'self'",
    `frame-src ${[...new Set(frames)].join(' ')}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join(';')

const PAGE_POLICY = pagePolicy()

/** A mail shown in a frame of the mailbox page: its own styles, no script, links open in a new tab. */
export const MAIL_POLICY = [
  "default-src 'none'",
  "style-src 'unsafe-inline'",
  'img-src data:',
  "frame-ancestors 'self'",
  'sandbox allow-popups allow-popups-to-escape-sandbox allow-top-navigation-by-user-activation',
].join(';')

/** Endpoints that only programs read: no page is shown there, but for an error that a browser walked into. */
const PROGRAMS = new Set<string>([
  ENDPOINTS.token,
  ENDPOINTS.introspection,
  ENDPOINTS.userinfo,
  ENDPOINTS.revocation,
  ENDPOINTS.pushed_authorization_request,
  ENDPOINTS.device_authorization,
  ENDPOINTS.backchannel_authentication,
])

export function securityHeaders(options: { https: boolean }): Middleware {
  return async (ctx: Context, next: Next) => {
    const program = PROGRAMS.has(ctx.path)
    ctx.set('X-Content-Type-Options', 'nosniff')
    ctx.set('Cache-Control', 'no-store')
    if (options.https) ctx.set('Strict-Transport-Security', 'max-age=31536000')
    if (!program) setPageHeaders(ctx)
    await next()
    if (!String(ctx.response.get('Content-Type')).startsWith('text/html')) return
    if (program) setPageHeaders(ctx)
    if (!ctx.response.get('X-Frame-Options'))
      ctx.set('X-Frame-Options', stateOf(ctx).framedByUs ? 'SAMEORIGIN' : 'DENY')
    ctx.set('X-Robots-Tag', 'noindex')
  }
}

function setPageHeaders(ctx: Context): void {
  ctx.set('Content-Security-Policy', PAGE_POLICY)
  ctx.set('Referrer-Policy', 'no-referrer')
  ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
  ctx.set('Permissions-Policy', 'camera=(), geolocation=(), microphone=(), payment=()')
}
