/** The body of a request on its way to the engine, which reads it from the request itself: read here, and replaced. */
import { Readable } from 'node:stream'
import type { KoaContextWithOIDC } from 'oidc-provider'

/** bytes; what the engine reads at most */
const BODY_LIMIT = 56 * 1024

/** undefined: it is too large */
export async function readBody(ctx: KoaContextWithOIDC, limit = BODY_LIMIT): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of ctx.req) {
    size += (chunk as Buffer).length
    if (size > limit) return undefined
    chunks.push(chunk as Buffer)
  }
  return Buffer.concat(chunks)
}

/** Hands the engine a stream of these bytes. */
export function replaceBody(ctx: KoaContextWithOIDC, bytes: Buffer): void {
  const replay = Readable.from([bytes])
  ctx.req.headers['content-length'] = String(bytes.length)
  Object.defineProperty(ctx.req, 'readable', { value: true })
  Object.defineProperty(ctx.req, 'iterator', { value: () => replay[Symbol.asyncIterator]() })
}

/** @throws an error with status 413 */
export async function appendToBody(ctx: KoaContextWithOIDC, more: string): Promise<void> {
  const body = await readBody(ctx)
  if (!body) return ctx.throw(413)
  delete ctx.req.headers['transfer-encoding']
  replaceBody(ctx, Buffer.concat([body, Buffer.from(more)]))
}
