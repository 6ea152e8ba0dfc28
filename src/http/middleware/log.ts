/** One line a request: method, path, status, time. No query string, no headers, no bodies: that is where secrets are. */
import type { Context, Middleware, Next } from 'koa'
import type { Logger } from '../../lib/log.ts'
import { stateOf } from '../state.ts'

/** Paths that end in a secret; mistyped ones too, and in any case, as the router takes them. */
const SECRET_PATHS = /\/(verify-email|reset-password|setup|approve)\/.+/i

export function requestLog(log: Logger): Middleware {
  return async (ctx: Context, next: Next) => {
    const started = performance.now()
    await next()
    const path = ctx.path.replace(SECRET_PATHS, '/$1/[secret]')
    const { facts, traceId } = stateOf(ctx)
    const fields = {
      requestId: facts.id,
      method: ctx.method,
      path,
      status: ctx.status,
      ms: Math.round(performance.now() - started),
      ip: facts.ip,
      ...(traceId === undefined ? {} : { trace_id: traceId }),
    }
    if (ctx.status >= 500) log.warn(fields, 'request')
    else if (path.startsWith('/health')) log.debug(fields, 'request')
    else log.plain(fields, 'request')
  }
}
