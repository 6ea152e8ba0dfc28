/**
 * Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document): the address that is a `client_id`, what
 * of the document counts, and how long. Pure. Such a client has no secret, is nobody's own, and sends people back to its
 * own host or to their own machine.
 */
import { LOOPBACK_HOSTS } from '../../lib/texts.ts'

/** Bytes; the draft's advice. */
export const DOCUMENT_MAX = 5 * 1024

/** seconds: a document is read again after so long at the soonest, and at the latest */
const FRESH = { least: 60, most: 24 * 3600 }

type Metadata = Record<string, unknown>

/** What such a client may say of itself; everything else it may say to others. */
const COUNTS = [
  ...['client_name', 'client_uri', 'logo_uri', 'policy_uri', 'tos_uri', 'contacts'],
  ...['redirect_uris', 'post_logout_redirect_uris', 'grant_types', 'response_types', 'application_type'],
  ...['token_endpoint_auth_method', 'token_endpoint_auth_signing_alg', 'jwks', 'jwks_uri'],
  ...['dpop_bound_access_tokens', 'require_pushed_authorization_requests', 'id_token_signed_response_alg'],
  ...['software_id', 'software_version'],
]
const PAGES = ['client_uri', 'logo_uri', 'policy_uri', 'tos_uri']
const GRANTS = ['authorization_code', 'refresh_token']
const METHODS = ['none', 'private_key_jwt']

/**
 * Section 3: https, a path, no dot segments, fragment or user. A query is let pass, though nobody should have one.
 * @param plain origins that go without TLS because the operator listed them
 */
export function isDocumentId(id: string, plain: readonly string[]): boolean {
  const url = URL.parse(id)
  if (!url || url.href !== id || url.pathname === '/' || id.includes('#')) return false
  if (url.username !== '' || url.password !== '' || /%2e/i.test(url.pathname)) return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && plain.includes(url.origin))
}

/** `app.example.org` (with port, if it has one), or all below `*.example.org`. */
export function isHostListed(id: string, hosts: readonly string[]): boolean {
  const { host, hostname } = new URL(id)
  return hosts.some((entry) =>
    entry.startsWith('*.') ? hostname.endsWith(entry.slice(1)) : host === entry || hostname === entry,
  )
}

/** What counts of a document; or, as a text, why none of it does (sections 4, 6). */
export function metadataOf(document: unknown, id: string): Metadata | string {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return 'is no JSON object'
  const said = document as Metadata
  if (said.client_id !== id) return 'does not have its own address as client_id'
  if ('client_secret' in said || 'client_secret_expires_at' in said) return 'holds a client_secret'
  const method = said.token_endpoint_auth_method ?? 'none'
  if (!METHODS.includes(String(method)))
    return `has token_endpoint_auth_method "${method}"; accepted: ${METHODS.join(', ')}`
  const metadata = Object.fromEntries(COUNTS.filter((name) => name in said).map((name) => [name, said[name]]))
  const back = sentBack(said.redirect_uris, id)
  if (back.length === 0) return 'has no redirect_uris at its own host or on loopback'
  const grants = said.grant_types === undefined ? ['authorization_code'] : among(said.grant_types, GRANTS)
  if (!grants.includes('authorization_code')) return 'does not have authorization_code among its grant_types'
  for (const name of PAGES) if (!isAtHostOf(metadata[name], id)) delete metadata[name]
  return {
    ...metadata,
    redirect_uris: back,
    post_logout_redirect_uris: sentBack(said.post_logout_redirect_uris, id),
    grant_types: grants,
    response_types: ['code'],
    token_endpoint_auth_method: method,
    // Programs on a person's machine take the port they get (RFC 8252 7.3).
    application_type: back.some(isLoopback) ? 'native' : 'web',
  }
}

/** Seconds until it is read again, by its headers (section 4.4) and within our bounds. */
export function freshFor(headers: { get(name: string): string | null }, now: Date): number {
  const control = headers.get('cache-control') ?? ''
  const said = /(?:^|[,\s])max-age\s*=\s*"?(\d{1,10})/i.exec(control)?.[1]
  const expires = Date.parse(headers.get('expires') ?? '')
  const seconds = /no-store|no-cache/i.test(control)
    ? 0
    : said !== undefined
      ? Number(said)
      : Number.isNaN(expires)
        ? 0
        : Math.floor((expires - now.getTime()) / 1000)
  return Math.min(Math.max(seconds, FRESH.least), FRESH.most)
}

/** Where codes and people may go: to the host that vouches for the client, or to the person's own machine. */
function sentBack(uris: unknown, id: string): string[] {
  if (!Array.isArray(uris)) return []
  return uris.filter(
    (uri): uri is string => typeof uri === 'string' && (isLoopback(uri) || isAtHostOf(uri, id)),
  )
}

function isLoopback(uri: string): boolean {
  const url = URL.parse(uri)
  return url?.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname)
}

function isAtHostOf(uri: unknown, id: string): boolean {
  const url = typeof uri === 'string' ? URL.parse(uri) : null
  return url !== null && url.protocol === 'https:' && url.hostname === new URL(id).hostname
}

function among(values: unknown, known: readonly string[]): string[] {
  return Array.isArray(values) ? known.filter((value) => values.includes(value)) : []
}
