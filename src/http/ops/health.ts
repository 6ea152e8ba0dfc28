/** For probes and operators: alive, ready, and how each dependency is. Answers on any host name; holds no secret. */
import type { Context, Middleware, Next } from 'koa'

export interface Check {
  state: 'up' | 'down'
  latencyMs: number
  detail?: string | undefined
}

export interface HealthDeps {
  checks: () => Promise<Record<string, Check>>
  /** only those without which no request can be served; asked often, so it must be cheap */
  vitalChecks: () => Promise<Record<string, Check>>
  /** without which no request can be served */
  vital: readonly string[]
  /** false while stopping */
  accepting: () => boolean
}

export function health(deps: HealthDeps): Middleware {
  return async (ctx: Context, next: Next) => {
    if (!ctx.path.startsWith('/health')) return next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') return next()
    ctx.set('Cache-Control', 'no-store')
    switch (ctx.path) {
      case '/health/live':
        ctx.body = { status: 'up' }
        return
      case '/health/ready':
        return ready(ctx, deps)
      case '/health': {
        const checks = await deps.checks()
        const vitalDown = deps.vital.some((name) => checks[name]?.state === 'down')
        const someDown = Object.values(checks).some((check) => check.state === 'down')
        // Stays 200 when a dependency is away: restarting this process would not bring it back.
        ctx.body = {
          status: vitalDown ? 'down' : someDown ? 'degraded' : 'up',
          accepting: deps.accepting(),
          checks,
        }
        return
      }
      default:
        return next()
    }
  }
}

async function ready(ctx: Context, deps: HealthDeps): Promise<void> {
  const checks = deps.accepting() ? await deps.vitalChecks() : {}
  const ok = deps.accepting() && deps.vital.every((name) => checks[name]?.state === 'up')
  ctx.status = ok ? 200 : 503
  ctx.body = { status: ok ? 'up' : deps.accepting() ? 'down' : 'stopping' }
}
