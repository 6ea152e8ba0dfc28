/**
 * Around dynamic registration and management (RFC 7591, RFC 7592): secrets are digests at rest, so what a client sends
 * back is digested before the engine compares it, and what the engine answers is freed of digests and our own flags.
 */
import { Readable } from 'node:stream'
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { KeyedHash } from '../domain/ports.ts'
import { OPERATOR_METADATA } from './client-adapter.ts'
import { digestSecret, isDigest } from './client-secret.ts'

const BODY_LIMIT = 56 * 1024

/** @param path the registration endpoint's path; management lives below it */
export function registrationGuard(path: string, keyed: KeyedHash) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    const ours = ctx.path === path || ctx.path.startsWith(`${path}/`)
    if (!ours) return next()
    if (ctx.method === 'PUT' && ctx.is('application/json')) await digestPresentedSecret(ctx, keyed)
    await next()
    if (typeof ctx.body !== 'object' || ctx.body === null || Buffer.isBuffer(ctx.body)) return
    const body = ctx.body as Record<string, unknown>
    for (const name of OPERATOR_METADATA) delete body[name]
    // Shown once, when it was made: at rest there is only the digest.
    if (typeof body.client_secret === 'string' && isDigest(body.client_secret)) delete body.client_secret
  }
}

/** RFC 7592 2.2: the client repeats its secret; equal digests mean equal secrets. */
async function digestPresentedSecret(ctx: KoaContextWithOIDC, keyed: KeyedHash): Promise<void> {
  const body = await readJson(ctx)
  if (typeof body.client_secret === 'string') body.client_secret = digestSecret(keyed, body.client_secret)
  const bytes = Buffer.from(JSON.stringify(body))
  // The engine reads the request itself; hand it a stream of the changed body.
  const replay = Readable.from([bytes])
  ctx.req.headers['content-length'] = String(bytes.length)
  Object.defineProperty(ctx.req, 'readable', { value: true })
  Object.defineProperty(ctx.req, 'iterator', { value: () => replay[Symbol.asyncIterator]() })
}

async function readJson(ctx: KoaContextWithOIDC): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of ctx.req) {
    size += (chunk as Buffer).length
    if (size > BODY_LIMIT) throw new errors.InvalidRequest('the request body is too large', 413)
    chunks.push(chunk as Buffer)
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>
  } catch {
    // falls through to the one answer for everything that is not a JSON object
  }
  throw new errors.InvalidRequest('client update request must be a JSON object')
}
