/**
 * The documents of `oidc/resource-metadata.ts` over HTTP: read by apps of any origin, the same for everybody, kept for
 * five minutes. Takes no cookie, writes nothing, and lets everything else pass.
 */
import type { Context, Middleware } from 'koa'
import { RESOURCE_METADATA_PATH } from '../oidc/resource-metadata.ts'
import { etagOf, isKnown } from './metadata-caching.ts'

const PREFIX = `${RESOURCE_METADATA_PATH}/`

export function resourceMetadataPages(
  find: (path: string) => Promise<Record<string, unknown> | undefined>,
): Middleware {
  return async (ctx: Context, next) => {
    if (!ctx.path.startsWith(PREFIX)) return next()
    switch (ctx.method) {
      case 'OPTIONS':
        return preflight(ctx)
      case 'GET':
      case 'HEAD':
        break
      default:
        return next()
    }
    const document = await find(ctx.path.slice(PREFIX.length))
    if (!document) return next()
    const body = JSON.stringify(document)
    const etag = etagOf(body)
    ctx.set({
      'Access-Control-Allow-Origin': '*',
      'Cross-Origin-Resource-Policy': 'cross-origin',
      'Cache-Control': 'public, max-age=300',
      ETag: etag,
    })
    if (isKnown(ctx.req.headers['if-none-match'], etag)) {
      ctx.status = 304
      return
    }
    ctx.status = 200
    ctx.type = 'application/json'
    ctx.body = body
  }
}

/** Browser apps send headers of their own along (`MCP-Protocol-Version`). */
function preflight(ctx: Context): void {
  ctx.set({
    'Access-Control-Allow-Origin': '*',
    'Access-Control-Allow-Methods': 'GET',
    'Access-Control-Allow-Headers': '*',
    'Access-Control-Max-Age': '600',
  })
  ctx.status = 204
}
