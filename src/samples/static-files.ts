import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Middleware } from 'koa'

const publicFile = (name: string) => fileURLToPath(new URL(`./public/${name}`, import.meta.url))

/** The browser build of oidc-client-ts: one script, which puts the library in the global `oidc`. */
const oidcClient = fileURLToPath(
  new URL('../browser/oidc-client-ts.min.js', import.meta.resolve('oidc-client-ts')),
)

/** Every file that is served, by its path: nothing that a request says ever becomes part of a file name. */
const FILES = new Map([
  ['/samples.css', publicFile('samples.css')],
  ['/sample-web.svg', publicFile('sample-web.svg')],
  ['/sample-spa.svg', publicFile('sample-spa.svg')],
  ['/sample-tv.svg', publicFile('sample-tv.svg')],
  ['/spa', publicFile('spa.html')],
  ['/spa/callback', publicFile('spa.html')],
  ['/spa/silent', publicFile('silent.html')],
  ['/spa.js', publicFile('spa.js')],
  ['/spa-settings.js', publicFile('spa-settings.js')],
  ['/silent.js', publicFile('silent.js')],
  ['/vendor/oidc-client-ts.js', oidcClient],
])

export function staticFiles(): Middleware {
  return async function serveStaticFile(ctx, next) {
    const file = FILES.get(ctx.path)
    if (!file || (ctx.method !== 'GET' && ctx.method !== 'HEAD')) return next()
    ctx.body = await readFile(file)
    ctx.type = extname(file)
    ctx.set('Cache-Control', 'no-cache')
    // The provider shows the logos on its own pages, from its own origin.
    if (file.endsWith('.svg')) ctx.set('Cross-Origin-Resource-Policy', 'cross-origin')
  }
}
