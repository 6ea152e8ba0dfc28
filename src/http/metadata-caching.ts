/**
 * The discovery document and the JWKS: read by everybody, the same for everybody, changed only with the engine's
 * Provider. The first answer is made as every other one; from then on its bytes and headers are given from here, with
 * an ETag, and may be kept for five minutes. Only the plainest request takes this short way: whatever somebody further
 * in would have to judge (another host, a query, another method or spelling) goes through all of the house.
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
  etag: string
  headers: [name: string, value: string][]
}

const PATHS = new Set<string>([DISCOVERY_PATH, '/.well-known/oauth-authorization-server', ENDPOINTS.jwks])

/** Read by browser apps of any origin; there is nothing of anybody's in them. */
const PUBLIC = {
  'Cache-Control': 'public, max-age=300',
  'Access-Control-Allow-Origin': '*',
  'Cross-Origin-Resource-Policy': 'cross-origin',
}

/** Headers of one answer, not of the document. */
const PASSING = new Set(['x-request-id', 'vary', 'connection', 'set-cookie'])

/**
 * Stands right behind `identify`, which has replaced what a request may say about its host and address.
 * @param issuer whose host is the only one that is served
 */
export function metadataCaching(engine: Metadata, issuer: string): Middleware {
  const known = new WeakMap<object, Map<string, Prepared>>()
  const { host } = new URL(issuer)
  return async (ctx: Context, next: Next) => {
    const { method, headers, url = '' } = ctx.req
    if (!PATHS.has(url) || headers.host !== host || (method !== 'GET' && method !== 'HEAD')) return next()
    const { provider } = engine
    const prepared = known.get(provider)?.get(url)
    if (prepared) return answer(ctx, prepared)
    await next()
    if (ctx.status !== 200) return
    const composed = prepare(ctx)
    answer(ctx, composed)
    // Replaced while this was composed: whose it is, nobody can tell.
    if (engine.provider !== provider) return
    known.set(provider, (known.get(provider) ?? new Map<string, Prepared>()).set(url, composed))
  }
}

function prepare(ctx: Context): Prepared {
  const body = Buffer.from(JSON.stringify(ctx.body))
  const etag = etagOf(body)
  ctx.remove('Vary')
  ctx.set({ ...PUBLIC, ETag: etag, 'Content-Length': String(body.length) })
  const headers = Object.entries(ctx.response.headers)
    .filter(([name]) => !PASSING.has(name))
    .map(([name, value]): [string, string] => [name, String(value)])
  return { body, headers, etag }
}

export function etagOf(body: string | Buffer): string {
  return `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
}

/** Past Koa, which would find out again what is known of these bytes. */
function answer(ctx: Context, { body, headers, etag }: Prepared): void {
  const { req, res } = ctx
  for (const [name, value] of headers) res.setHeader(name, value)
  if (isKnown(req.headers['if-none-match'], etag)) {
    ctx.status = 304
    return
  }
  ctx.respond = false
  res.statusCode = 200
  res.end(req.method === 'HEAD' ? undefined : body)
}

/** RFC 9110 13.1.2, weak comparison. Not Koa's `fresh`: to that, `no-cache` (which fetch adds) means to send it anyway. */
export function isKnown(condition: string | undefined, etag: string): boolean {
  if (condition === undefined) return false
  return condition.split(',').some((entry) => ['*', etag, `W/${etag}`].includes(entry.trim()))
}
