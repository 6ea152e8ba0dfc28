/** Methods of the protocol endpoints: the engine itself answers a wrong one as if there were no such page. */
import type { Context } from 'koa'
import { CHALLENGE_PATH, DISCOVERY_PATH, ENDPOINTS } from '../../oidc/routes.ts'
import { Problem } from '../problem.ts'

const READ = 'GET, HEAD, OPTIONS'
const FORM = 'POST, OPTIONS'

const ALLOWED = new Map<string, string>([
  // GET alone is certain; whether POST is taken (OpenID Connect Core 1.0, 3.1.2.1) is the engine's setting.
  [ENDPOINTS.authorization, 'GET, HEAD, POST'],
  [ENDPOINTS.end_session, 'GET, HEAD, POST'],
  [ENDPOINTS.code_verification, 'GET, HEAD, POST'],
  [ENDPOINTS.device_authorization, FORM],
  [ENDPOINTS.introspection, FORM],
  [ENDPOINTS.pushed_authorization_request, FORM],
  [ENDPOINTS.revocation, FORM],
  [ENDPOINTS.token, FORM],
  [ENDPOINTS.registration, 'POST'],
  [CHALLENGE_PATH, 'POST'],
  [ENDPOINTS.backchannel_authentication, 'POST'],
  [ENDPOINTS.userinfo, 'GET, HEAD, POST, OPTIONS'],
  [ENDPOINTS.jwks, READ],
  [DISCOVERY_PATH, READ],
  ['/.well-known/oauth-authorization-server', READ],
  ['/health', 'GET, HEAD'],
  ['/health/live', 'GET, HEAD'],
  ['/health/ready', 'GET, HEAD'],
])

/** Used nowhere: TRACE would show a script the cookies it may not read. */
const ANYWHERE = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Where people come by browser; every other endpoint of the protocol is asked by programs. */
const PAGES = new Set<string>([ENDPOINTS.authorization, ENDPOINTS.end_session, ENDPOINTS.code_verification])

/** Whether a program asks here, which may name no type it takes and wants JSON (RFC 6749 5.2). */
export function isForPrograms(path: string): boolean {
  const endpoint = endpointOf(path)
  return ALLOWED.has(endpoint) && !PAGES.has(endpoint)
}

/** The engine matches without regard to case and with a trailing slash; so does this. */
function endpointOf(path: string): string {
  return path.toLowerCase().replace(/(?<=.)\/$/, '')
}

/** @throws Problem method-not-allowed, with `Allow` set (RFC 9110 15.5.6) */
export function assertMethod(ctx: Context): void {
  const allowed = ALLOWED.get(endpointOf(ctx.path))
  if (allowed === undefined ? ANYWHERE.has(ctx.method) : allowed.split(', ').includes(ctx.method)) return
  ctx.set('Allow', allowed ?? 'GET, HEAD, POST')
  throw new Problem('method-not-allowed')
}
