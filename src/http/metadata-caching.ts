/**
 * The discovery document and the JWKS: read by everybody, the same for everybody, changed only with the engine's
 * Provider. The engine composes each once; afterwards its bytes are answered from here, with an ETag, and may be kept
 * for five minutes. Preflights, other methods and other spellings of the paths are the engine's.
 */
import { createHash } from 'node:crypto'
import type { Context, Middleware, Next } from 'koa'
import { DISCOVERY_PATH, ENDPOINTS } from '../oidc/routes.ts'

/** A Provider that takes the place of another has keys of its own: its documents are composed anew. */
export interface Metadata {
  readonly provider: object
}

interface Prepared {
  body: Buffer
  type: string
  etag: string
}

const PATHS = new Set<string>([DISCOVERY_PATH, '/.well-known/oauth-authorization-server', ENDPOINTS.jwks])

/** Belongs behind the front door: what the engine composes names the host it was asked under. */
export function metadataCaching(engine: Metadata): Middleware {
  const known = new WeakMap<object, Map<string, Prepared>>()
  return async (ctx: Context, next: Next) => {
    if (!PATHS.has(ctx.path) || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
    const { provider } = engine
    const prepared = known.get(provider)?.get(ctx.path)
    if (prepared) return answer(ctx, prepared)
    await next()
    if (ctx.status !== 200) return
    const composed = prepare(ctx)
    answer(ctx, composed)
    // Replaced while this was composed: whose it is, nobody can tell.
    if (engine.provider !== provider) return
    known.set(provider, (known.get(provider) ?? new Map<string, Prepared>()).set(ctx.path, composed))
  }
}

function prepare(ctx: Context): Prepared {
  const body = Buffer.from(JSON.stringify(ctx.body))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  // What the engine said about one reader's origin is not for the next.
  ctx.remove('Vary')
  return { body, type: ctx.response.get('Content-Type'), etag }
}

function answer(ctx: Context, { body, type, etag }: Prepared): void {
  ctx.set('ETag', etag)
  ctx.set('Cache-Control', 'public, max-age=300')
  // Read by browser apps of any origin; there is nothing of anybody's in them.
  ctx.set('Access-Control-Allow-Origin', '*')
  ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
  ctx.status = 200
  if (isKnown(ctx.req.headers['if-none-match'], etag)) {
    ctx.status = 304
    return
  }
  ctx.type = type
  ctx.body = body
}

/** RFC 9110 13.1.2, weak comparison. Not Koa's `fresh`: to that, `no-cache` (which fetch adds) means to send it anyway. */
function isKnown(condition: string | undefined, etag: string): boolean {
  if (condition === undefined) return false
  return condition.split(',').some((entry) => ['*', etag, `W/${etag}`].includes(entry.trim()))
}
