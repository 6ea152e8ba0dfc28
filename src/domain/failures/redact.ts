/**
 * What of a request may be kept. By name, and only names the protocol knows: what is not on a list is not kept at all,
 * so a record has a greatest size whatever is sent.
 */
import type { JwtFacts } from './record.ts'

/** Kept as sent. Addresses lose user names and what their query calls a secret. */
const KEPT = new Set(
  `client_id redirect_uri post_logout_redirect_uri redirect_uris response_type response_types response_mode scope
  grant_type grant_types prompt max_age display ui_locales acr_values code_challenge_method resource audience
  token_type_hint subject_token_type actor_token_type requested_token_type client_assertion_type application_type token_endpoint_auth_method subject_type
  id_token_signed_response_alg`.split(/\s+/),
)
/** Only that it was there, and how long it was. */
const MEASURED = new Set(
  `code code_verifier code_challenge refresh_token client_secret client_assertion token access_token id_token_hint
  state nonce request request_uri claims login_hint device_code user_code username password dpop_jkt registration
   authorization_details subject_token actor_token software_statement jwks jwks_uri sector_identifier_uri logout
   auth_session verification_code auth_req_id login_hint_token client_notification_token binding_message`.split(
    /\s+/,
  ),
)
const VALUE_MAX = 500
/** what is looked through at all: work on foreign text must be bounded before it is done */
const READ_MAX = 2_000
const SECRETS_MAX = 200
const TEXT_MAX = 300
/** shorter values may be words of a sentence */
const SECRET_MIN = 6
const SECRET_IN_QUERY =
  /([?&#;][^=&#;]*(?:token|secret|passw|code|key|assertion|sig|session|auth|state|nonce)[^=&#;]*=)[^&#;]*/gi

/**
 * Name by name what may be kept of the parameters.
 * @param secrets values that came elsewhere, and must not be kept here either
 */
export function sentOf(
  params: Record<string, unknown>,
  secrets: readonly string[] = secretsOf(params),
): Record<string, string> {
  const sent: Record<string, string> = {}
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined || value === null || value === '') continue
    if (KEPT.has(name)) sent[name] = scrub(kept(name, value), secrets, VALUE_MAX)
    else if (MEASURED.has(name)) sent[name] = measured(value)
  }
  return sent
}

/** Values that must appear nowhere in a record. */
export function secretsOf(params: Record<string, unknown>): string[] {
  const values = Object.entries(params).flatMap(([name, value]) => (MEASURED.has(name) ? [value].flat() : []))
  return values.filter((value) => typeof value === 'string').slice(0, SECRETS_MAX)
}

/** Foreign text without the request's secrets, cut to a length. */
export function scrub(text: string, secrets: readonly string[], most = TEXT_MAX): string {
  let clean = text
  for (const secret of secrets)
    if (secret.length >= SECRET_MIN) clean = clean.replaceAll(secret, '[redacted]')
  return clean.length > most ? `${clean.slice(0, most)}…` : clean
}

/** "present, 43 characters" */
export function measured(value: unknown): string {
  if (Array.isArray(value)) return `sent ${value.length} times`
  return typeof value === 'string' ? `present, ${value.length} characters` : 'present'
}

/** An address as it was sent, but for a user name, a password and query values that are called secrets. */
export function redactedUri(uri: string): string {
  return uri
    .slice(0, READ_MAX)
    .replace(/(\/\/)[^/?#]*@/g, '$1[redacted]@')
    .replace(SECRET_IN_QUERY, '$1[redacted]')
}

/** What a JWT says of itself; nothing of it is verified. `undefined`: it is none. */
export function jwtFacts(jwt: unknown): JwtFacts | undefined {
  if (typeof jwt !== 'string') return undefined
  const [header, payload] = jwt.split('.').map(jsonObject)
  if (!header || !payload) return undefined
  const text = (value: unknown) =>
    typeof value === 'string' ? redactedUri(value).slice(0, TEXT_MAX) : undefined
  const time = (value: unknown) => (typeof value === 'number' && Number.isFinite(value) ? value : undefined)
  const facts = {
    alg: text(header.alg),
    typ: text(header.typ),
    iss: text(payload.iss),
    sub: text(payload.sub),
    aud: text([payload.aud].flat().slice(0, 5).join(' ') || undefined),
    htm: text(payload.htm),
    htu: text(payload.htu),
    iat: time(payload.iat),
    exp: time(payload.exp),
    nbf: time(payload.nbf),
    jti: typeof payload.jti === 'string' ? measured(payload.jti) : undefined,
  }
  return Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined)) as JwtFacts
}

function kept(name: string, value: unknown): string {
  const list = Array.isArray(value) ? value : [value]
  // What may come once and came more often says only that.
  if (list.length > 1 && !/^(resource|audience|redirect_uris|grant_types|response_types)$/.test(name))
    return `sent ${list.length} times`
  const texts = list
    .slice(0, 5)
    .map((one) => (typeof one === 'object' ? '[object]' : String(one).slice(0, READ_MAX)))
  return /uri|resource|audience/.test(name) ? texts.map(redactedUri).join(' ') : texts.join(' ')
}

function jsonObject(part: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
