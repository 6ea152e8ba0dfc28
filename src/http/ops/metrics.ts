/** `/metrics` behind a token, and the measuring of every request. Without a token there is no such page. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Context, Middleware, Next } from 'koa'
import { CHALLENGE_PATH, DISCOVERY_PATH, ENDPOINTS } from '../../oidc/routes.ts'
import { stateOf } from '../state.ts'
import { OPEN_APP, paths } from '../urls.ts'

export interface Measures {
  request(route: string, method: string, status: number, seconds: number): void
  readonly contentType: string
  text(): Promise<string>
}

export interface MetricsDeps {
  measures: Measures
  /** undefined: nobody may look */
  token: string | undefined
}

const KNOWN = new Set<string>([
  ...Object.values(ENDPOINTS),
  ...[DISCOVERY_PATH, CHALLENGE_PATH, OPEN_APP, '/session/end/confirm'],
  ...[paths.home, paths.forgot(), paths.passwordHint, paths.mailbox],
  ...['/docs', '/redoc', '/openapi.json', '/metrics', '/health', '/health/live', '/health/ready'],
])
/** Pages below these have ids and secrets in their addresses. */
const GROUPS = [
  'interaction',
  'verify-email',
  'reset-password',
  'setup',
  'approve',
  'assets',
  'docs',
  'redoc',
  'mailbox',
  'reg',
]
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Comes first, so that what others spend is in the time. */
export function measured({ measures }: Pick<MetricsDeps, 'measures'>): Middleware {
  return async (ctx: Context, next: Next) => {
    const started = performance.now()
    try {
      await next()
    } finally {
      measures.request(routeOf(ctx), methodOf(ctx), ctx.status, (performance.now() - started) / 1000)
    }
  }
}

export function metrics({ measures, token }: MetricsDeps): Middleware {
  return async (ctx: Context, next: Next) => {
    if (ctx.path !== '/metrics' || token === undefined || (ctx.method !== 'GET' && ctx.method !== 'HEAD'))
      return next()
    ctx.set('Cache-Control', 'no-store')
    const [, given = ''] = /^Bearer (\S+)$/i.exec(ctx.get('Authorization')) ?? []
    if (!timingSafeEqual(digestOf(given), digestOf(token))) {
      ctx.status = 401
      ctx.set('WWW-Authenticate', 'Bearer realm="metrics"')
      ctx.body = { error: 'invalid_token' }
      return
    }
    ctx.type = measures.contentType
    ctx.body = await measures.text()
  }
}

export function methodOf(ctx: Context): string {
  return METHODS.has(ctx.method) ? ctx.method : 'other'
}

/** One of a few: whatever strangers ask for is `other`. */
export function routeOf(ctx: Context): string {
  const { route } = stateOf(ctx)
  if (route !== undefined) return route
  if (KNOWN.has(ctx.path)) return ctx.path
  const group = ctx.path.split('/')[1] ?? ''
  return GROUPS.includes(group) ? `/${group}/…` : 'other'
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
