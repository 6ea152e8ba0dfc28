/**
 * Swagger UI at `/docs`, served from its package under the same policy as every page: no script from elsewhere, none in
 * the page. It signs in by itself, as a public client with PKCE.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'

const PACKAGE = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
const OURS = fileURLToPath(new URL('../../../views/docs', import.meta.url))

const FILES: Record<string, { folder: string; file: string; type: string }> = {
  '/docs': { folder: OURS, file: 'index.html', type: 'text/html; charset=utf-8' },
  '/docs/start.js': { folder: OURS, file: 'start.js', type: 'text/javascript; charset=utf-8' },
  '/docs/swagger-ui.css': { folder: PACKAGE, file: 'swagger-ui.css', type: 'text/css; charset=utf-8' },
  '/docs/swagger-ui-bundle.js': {
    ...{ folder: PACKAGE, file: 'swagger-ui-bundle.js', type: 'text/javascript; charset=utf-8' },
  },
  '/docs/oauth2-redirect.html': {
    folder: OURS,
    file: 'oauth2-redirect.html',
    type: 'text/html; charset=utf-8',
  },
  '/docs/oauth2-redirect.js': {
    ...{ folder: OURS, file: 'oauth2-redirect.js', type: 'text/javascript; charset=utf-8' },
  },
}

export const DOCS_REDIRECT = '/docs/oauth2-redirect.html'

/** The set of paths is fixed; a file is read when it is first asked for, and kept. */
export function docs(): Middleware {
  const kept = new Map<string, { body: Buffer; etag: string }>()
  return async (ctx, next) => {
    const known = FILES[ctx.path]
    if (!known) return next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.status = 405
      ctx.set('Allow', 'GET, HEAD')
      return
    }
    let asset = kept.get(ctx.path)
    if (!asset) {
      const body = readFileSync(join(known.folder, known.file))
      asset = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` }
      kept.set(ctx.path, asset)
    }
    ctx.status = 200
    ctx.type = known.type
    // Pages are not kept: what comes back to the redirect has a code in its address.
    if (!known.type.startsWith('text/html'))
      ctx.set({ ETag: asset.etag, 'Cache-Control': 'public, max-age=3600' })
    if (ctx.fresh) ctx.status = 304
    else ctx.body = asset.body
  }
}
