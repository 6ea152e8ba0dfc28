/**
 * Swagger UI at `/docs`, to try the API, and ReDoc at `/redoc`, to read about it: served from their packages under the
 * policy of every page, no script from elsewhere, none in the page. Swagger UI signs in by itself, as a public client
 * with PKCE. Decision 43.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'

const folderOf = (name: string) => dirname(fileURLToPath(import.meta.resolve(name)))
const PACKAGE = folderOf('swagger-ui-dist/package.json')
const REDOC = folderOf('redoc/bundles/redoc.standalone.js')
const OURS = fileURLToPath(new URL('../../../views/docs', import.meta.url))

interface File {
  folder: string
  file: string
  /** beside what the policy of every page allows as styles */
  styles?: string
  /** what is not served as it stands in its folder */
  mend?: (text: string) => string
}

/**
 * styled-components makes one empty `<style>` and writes its rules by script, which no policy asks about: only the
 * empty element must be allowed, by the hash of nothing. The other hash is of the styles of the bundle's scroll bar,
 * which stand in it as text; a browser in a test tells when another version has others. No nonce, no `unsafe-inline`.
 */
const REDOC_STYLES = [
  `'sha256-${createHash('sha256').update('').digest('base64')}'`,
  "'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc='",
].join(' ')

/** ReDoc shows a picture from its maker's servers, who would hear of every reader; there is no option against it. */
const REDOC_LOGO = 'https://cdn.redoc.ly/redoc/logo-mini.svg'
const NO_PICTURE = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=='

/** Both pages are one file: each loads from addresses below its own. */
function page(name: string, title: string): File {
  const mend = (text: string) =>
    text
      .replaceAll('{page}', name)
      .replace('{title}', title)
      .replace(`<a href="/${name}"`, '$& aria-current="page"')
  return { folder: OURS, file: 'page.html', mend }
}

const FILES: Record<string, File> = {
  '/docs': page('docs', 'try it'),
  '/docs/start.js': { folder: OURS, file: 'docs.js' },
  '/docs/page.css': { folder: PACKAGE, file: 'swagger-ui.css' },
  '/docs/bundle.js': { folder: PACKAGE, file: 'swagger-ui-bundle.js' },
  '/docs/oauth2-redirect.html': { folder: OURS, file: 'oauth2-redirect.html' },
  '/docs/oauth2-redirect.js': { folder: OURS, file: 'oauth2-redirect.js' },
  '/docs/frame.css': { folder: OURS, file: 'frame.css' },
  '/redoc': { ...page('redoc', 'read it'), styles: REDOC_STYLES },
  '/redoc/start.js': { folder: OURS, file: 'redoc.js' },
  '/redoc/page.css': { folder: OURS, file: 'redoc.css' },
  '/redoc/bundle.js': {
    ...{ folder: REDOC, file: 'redoc.standalone.js' },
    mend: (text) => text.replace(REDOC_LOGO, NO_PICTURE),
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
      const file = readFileSync(join(known.folder, known.file))
      const body = known.mend ? Buffer.from(known.mend(file.toString())) : file
      asset = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"` }
      kept.set(ctx.path, asset)
    }
    ctx.status = 200
    ctx.type = extname(known.file)
    if (known.styles) {
      const policy = ctx.response.get('Content-Security-Policy')
      ctx.set('Content-Security-Policy', policy.replace("style-src 'self'", `$& ${known.styles}`))
    }
    // Pages are not kept: what comes back to the redirect has a code in its address.
    if (!known.file.endsWith('.html')) ctx.set({ ETag: asset.etag, 'Cache-Control': 'public, max-age=3600' })
    if (ctx.fresh) ctx.status = 304
    else ctx.body = asset.body
  }
}
