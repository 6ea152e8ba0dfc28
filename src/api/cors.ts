/** CORS by configured origins. The API takes no cookie, so credentials are never allowed (Fetch Standard 3.2). */
const ASKED = ['Authorization', 'DPoP', 'Content-Type', 'If-Match', 'Idempotency-Key']
const SHOWN = [
  'ETag',
  'Location',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
]

export function corsHeaders(origin: string, allowed: readonly string[]): Record<string, string> {
  return {
    Vary: 'Origin',
    ...(allowed.includes(origin)
      ? { 'Access-Control-Allow-Origin': origin, 'Access-Control-Expose-Headers': SHOWN.join(', ') }
      : {}),
  }
}

/** The answer to a preflight; says nothing to other origins. */
export function preflightHeaders(origin: string, allowed: readonly string[]): Record<string, string> {
  const headers = corsHeaders(origin, allowed)
  if (!headers['Access-Control-Allow-Origin']) return headers
  return {
    ...headers,
    'Access-Control-Allow-Methods': 'GET, POST, PUT, PATCH, DELETE',
    'Access-Control-Allow-Headers': ASKED.join(', '),
    'Access-Control-Max-Age': '600',
  }
}
