/** Where registration is open, strangers register slowly: by network, and all of them together. */
import type { Context, Middleware, Next } from 'koa'
import type { Throttle } from '../domain/protection/throttle.ts'
import { ENDPOINTS } from '../oidc/routes.ts'
import { stateOf } from './state.ts'

/** Only for open registration; who has a token is counted by it. */
export function registrationThrottle(throttle: Throttle): Middleware {
  const endpoint = new RegExp(`^${ENDPOINTS.registration}/?$`, 'i')
  return async (ctx: Context, next: Next) => {
    if (ctx.method === 'POST' && ctx.get('Authorization') === '' && endpoint.test(ctx.path))
      await throttle.take(throttle.openRegistration(stateOf(ctx).facts.ip))
    await next()
  }
}
