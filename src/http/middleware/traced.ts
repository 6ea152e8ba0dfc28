/**
 * A span for each request, by the HTTP semantic conventions of OpenTelemetry: method, route with the names of its
 * parameters, status, our id of the request. No address, no query string, no header: that is where secrets and people are.
 */
import type { Context, Middleware, Next } from 'koa'
import type { Tracing } from '../../lib/tracing.ts'
import { methodOf, routeOf } from '../ops/metrics.ts'
import { stateOf } from '../state.ts'

/** Comes right behind the front door, which knows whose `traceparent` counts. */
export function traced(tracing: Tracing): Middleware {
  return (ctx: Context, next: Next) => {
    const { facts, traceparent } = stateOf(ctx)
    const method = methodOf(ctx)
    const attributes = { 'http.request.method': method, 'ostiary.request_id': facts.id }
    return tracing.within({ name: method, kind: 'server', attributes, parent: traceparent }, async (span) => {
      stateOf(ctx).traceId = span.traceId
      await next()
      const route = routeOf(ctx)
      span.rename(`${method} ${route}`)
      span.set({ 'http.route': route, 'http.response.status_code': ctx.status })
      if (ctx.status >= 500) span.failed(String(ctx.status))
    })
  }
}
