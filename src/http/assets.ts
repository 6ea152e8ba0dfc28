/** Serves `views/assets/` under `/assets/` from memory. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Middleware } from 'koa'

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.json': 'application/json; charset=utf-8',
  '.txt': 'text/plain; charset=utf-8',
}

interface Asset {
  body: Buffer
  type: string
  etag: string
}

/**
 * Middleware for the pages' own styles, scripts and pictures. The set of paths is fixed when it is created:
 * a request only ever looks one up, so no path of a request reaches the file system.
 */
export function createAssets(assetsDir: string): Middleware {
  const assets = readAssets(assetsDir)

  return async (ctx, next) => {
    const asset = assets.get(ctx.path)
    if (!asset) return next()
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD') {
      ctx.status = 405
      ctx.set('Allow', 'GET, HEAD')
      return
    }
    ctx.status = 200
    ctx.set({
      ETag: asset.etag,
      'Cache-Control': 'public, max-age=3600',
      'X-Content-Type-Options': 'nosniff',
    })
    if (ctx.fresh) {
      ctx.status = 304
      return
    }
    ctx.type = asset.type
    ctx.body = asset.body
  }
}

/**
 * Every file of a known type, by the path it is asked for. A folder named like a file (`ostiary.css/`) is served
 * as that one file, its parts in the order of their names: short files to edit, one request to wait for.
 */
function readAssets(assetsDir: string): Map<string, Asset> {
  const files = readdirSync(assetsDir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && TYPES[path.extname(entry.name)])
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()
  const bodies = new Map<string, Buffer[]>()
  for (const file of files) {
    const whole = path.extname(path.dirname(file)) === path.extname(file) ? path.dirname(file) : file
    const address = `/assets/${path.relative(assetsDir, whole).replaceAll('\\', '/')}`
    bodies.set(address, [...(bodies.get(address) ?? []), readFileSync(file)])
  }
  return new Map([...bodies].map(([address, parts]) => [address, createAsset(address, Buffer.concat(parts))]))
}

function createAsset(address: string, body: Buffer): Asset {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 27)}"`
  return { body, type: TYPES[path.extname(address)]!, etag }
}
