/** What the engine knows of a refused request, as a record without secrets (`domain/failures/redact.ts`). */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { RequestFacts } from '../domain/audit/events.ts'
import type { FailureRecord, JwtFacts } from '../domain/failures/record.ts'
import { jwtFacts, scrub, secretsOf, sentOf } from '../domain/failures/redact.ts'
import { certificateFacts, presentedCertificate } from './certificate.ts'

const ID_MAX = 255

interface EngineError extends Error {
  error?: string
  error_description?: string
  error_detail?: string
  statusCode?: number
}

export function requestRecord(
  ctx: KoaContextWithOIDC,
  error: EngineError,
  more: { code: string; at: Date; facts: RequestFacts | undefined },
): FailureRecord {
  const params = paramsOf(ctx)
  const [scheme = '', credentials = ''] = ctx.get('Authorization').split(' ')
  const [basicId, ...basicSecrets] = /^basic$/i.test(scheme) ? basicOf(credentials) : []
  const certificate = presentedCertificate(ctx)
  const secrets = [...secretsOf(params), credentials, ...basicSecrets]
  const clientId = ctx.oidc?.client?.clientId ?? textOf(params.client_id) ?? basicId ?? assertedId(params)
  return {
    code: more.code,
    requestId: more.facts?.id ?? '',
    at: more.at.toISOString(),
    endpoint: String(ctx.oidc?.route ?? 'unknown'),
    method: ctx.method,
    status: error.statusCode ?? 500,
    ...wordsOf(error, secrets),
    clientId: clientId && scrub(clientId, secrets, ID_MAX),
    sent: sentOf(params, secrets),
    presented: presentedOf(ctx, params, scheme),
    jwts: jwtsOf(ctx, params),
    certificate: certificate && certificateFacts(certificate, more.at),
  }
}

/** As the engine took them; what it threw away (sent twice) or did not come to, as it came. */
function paramsOf(ctx: KoaContextWithOIDC): Record<string, unknown> {
  const body = ctx.oidc?.body
  const taken = Object.entries(ctx.oidc?.params ?? {}).filter(([, value]) => value !== undefined)
  return {
    ...ctx.query,
    ...(typeof body === 'object' && body !== null ? body : {}),
    ...Object.fromEntries(taken),
  }
}

/** The engine's words. Those of a fault of ours are for the log, and a parser quotes what it could not read. */
function wordsOf(
  { error, error_description: description, error_detail: detail, cause }: EngineError,
  secrets: readonly string[],
): Pick<FailureRecord, 'error' | 'description' | 'detail'> {
  if (error === undefined) return { error: 'server_error' }
  return {
    error,
    description: description && scrub(description, secrets),
    detail: cause instanceof SyntaxError ? undefined : detail && scrub(detail, secrets),
  }
}

/** The id, then the secret as it came and as it reads. */
function basicOf(credentials: string): [id: string | undefined, ...secrets: string[]] {
  const [id = '', ...rest] = Buffer.from(credentials, 'base64').toString().split(':')
  const secret = rest.join(':')
  return [decoded(id), secret, decoded(secret) ?? '']
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}

function assertedId(params: Record<string, unknown>): string | undefined {
  return jwtFacts(params.client_assertion)?.sub
}

function presentedOf(ctx: KoaContextWithOIDC, params: Record<string, unknown>, scheme: string): string[] {
  const ways = [
    ctx.get('Authorization') === '' ? undefined : schemeName(scheme),
    params.client_secret === undefined ? undefined : 'client_secret_post',
    params.client_assertion === undefined ? undefined : 'private_key_jwt',
  ].filter((way): way is string => way !== undefined)
  return ways.length > 0 ? ways : ['none']
}

function schemeName(scheme: string): string {
  const known: Record<string, string> = { basic: 'client_secret_basic', bearer: 'Bearer', dpop: 'DPoP' }
  return known[scheme.toLowerCase()] ?? 'another Authorization header'
}

function jwtsOf(ctx: KoaContextWithOIDC, params: Record<string, unknown>): Record<string, JwtFacts> {
  const found = {
    client_assertion: jwtFacts(params.client_assertion),
    dpop: jwtFacts(ctx.get('DPoP')),
    request: jwtFacts(params.request),
  }
  return Object.fromEntries(
    Object.entries(found).filter((entry): entry is [string, JwtFacts] => entry[1] !== undefined),
  )
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
