/**
 * Around dynamic registration and management (RFC 7591, RFC 7592): secrets are digests at rest, so what a client sends
 * back is digested before the engine compares it, and what the engine answers is freed of digests and our own flags.
 */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { ClientRepository, KeyedHash } from '../domain/ports.ts'
import type { Admissions } from './admissions.ts'
import { OPERATOR_METADATA } from './client-adapter.ts'
import { isDigest, secretMatches } from './client-secret.ts'
import { namingUnknown } from './registered-metadata.ts'
import { readBody, replaceBody } from './request-body.ts'

type Metadata = Record<string, unknown>

interface GuardDeps {
  admissions: Admissions
  keyed: KeyedHash
  clients: Pick<ClientRepository, 'find'>
}

/** @param path the registration endpoint's path; management lives below it */
export function registrationGuard(path: string, deps: GuardDeps) {
  // The engine matches its routes without regard to case; so must this, or /REG would go round it.
  const ours = new RegExp(`^${path}(/|$)`, 'i')
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    if (!ours.test(ctx.path)) return next()
    // The engine asks everybody for a token; where none is needed, who has none gets one of ours for this request.
    if (deps.admissions.open && ctx.method === 'POST' && ctx.get('Authorization') === '')
      ctx.req.headers.authorization = `Bearer ${deps.admissions.strangers}`
    if (ctx.method === 'PUT' && ctx.is('application/json')) {
      const id = ctx.path.slice(path.length + 1)
      if (!(await digestPresentedSecret(ctx, id, deps))) return
    }
    await next()
    if (typeof ctx.body !== 'object' || ctx.body === null || Buffer.isBuffer(ctx.body)) return
    const body = ctx.body as Record<string, unknown>
    for (const name of OPERATOR_METADATA) delete body[name]
    if (typeof body.error_description === 'string')
      body.error_description = namingUnknown(body.error_description, (ctx.oidc?.body ?? {}) as Metadata)
    // Shown once, when it was made: at rest there is only the digest.
    if (typeof body.client_secret === 'string' && isDigest(body.client_secret)) delete body.client_secret
  }
}

/**
 * RFC 7592 2.2: the client repeats its secret, and the engine compares it with what is stored; so the right one becomes
 * the stored digest, and a wrong one nothing that could be a digest. What is no JSON object is left for the engine to
 * refuse. False: the answer is given already.
 */
async function digestPresentedSecret(ctx: KoaContextWithOIDC, id: string, deps: GuardDeps): Promise<boolean> {
  const sent = await readBody(ctx)
  if (!sent) {
    ctx.status = 413
    ctx.body = { error: 'invalid_request', error_description: 'the request body is too large' }
    return false
  }
  const body = jsonObject(sent)
  if (typeof body?.client_secret === 'string') {
    const digest = (await deps.clients.find(id))?.secretDigest
    const right = digest !== undefined && secretMatches(deps.keyed, digest, body.client_secret)
    body.client_secret = right ? digest : 'wrong'
  }
  replaceBody(ctx, body ? Buffer.from(JSON.stringify(body)) : sent)
  return true
}

function jsonObject(bytes: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
