/** User codes are short (RFC 8628 5.1): typing them is throttled by network before the engine looks one up. */
import type { Context, Middleware, Next } from 'koa'
import type { Throttle } from '../domain/protection/throttle.ts'
import { ENDPOINTS } from '../oidc/routes.ts'
import { stateOf } from './state.ts'

export function devicePageThrottle(throttle: Throttle): Middleware {
  // The engine matches its routes without regard to case and with a trailing slash; so must this.
  const page = new RegExp(`^${ENDPOINTS.code_verification}/?$`, 'i')
  return async (ctx: Context, next: Next) => {
    if (ctx.method === 'POST' && page.test(ctx.path))
      await throttle.take(throttle.userCode(stateOf(ctx).facts.ip))
    await next()
  }
}
