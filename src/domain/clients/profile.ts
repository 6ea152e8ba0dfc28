/**
 * How strict a client is, in one word. A profile sets what was left open and refuses what contradicts it, in a sentence
 * that says which change mends it. Knows client metadata (OpenID Connect Dynamic Registration 1.0), no engine.
 */
import { stringsOf } from '../../lib/texts.ts'
import { exemptionFault } from './pkce-exempt.ts'

export const PROFILES = ['standard', 'hardened', 'fapi2'] as const
export type Profile = (typeof PROFILES)[number]

type Metadata = Readonly<Record<string, unknown>>

/** One contradiction: what the profile asks, and the change that mends it. */
export interface Contradiction {
  member: string
  /** a sentence, with the section of the standard */
  reason: string
}

interface Rule {
  member: string
  /** set where the client says nothing */
  value?: unknown
  /** but not where the client does it in another way that is as good */
  unless?: (metadata: Metadata) => boolean
  holds(value: unknown, metadata: Metadata): boolean
  reason: string
}

/** FAPI 2.0 Security Profile 5.4.1; the edge over RS256 is padding or curves without known weaknesses. */
export const FAPI_ALGORITHMS: readonly string[] = ['PS256', 'ES256', 'EdDSA', 'Ed25519']
const SIGNED_BY_US = 'ES256'

const isTrue = (value: unknown) => value === true
const isAbsentOr = (allowed: readonly string[]) => (value: unknown) =>
  value === undefined || allowed.includes(String(value))

/** RFC 8705 3: the other way to bind tokens. FAPI 2.0 Security Profile 5.3.2.1 asks for one of the two. */
const isBoundByCertificate = (metadata: Metadata) =>
  metadata.tls_client_certificate_bound_access_tokens === true
/** RFC 8705 2 */
const CERTIFICATE_METHODS = ['tls_client_auth', 'self_signed_tls_client_auth']
const provesCertificate = ({ token_endpoint_auth_method: method }: Metadata) =>
  CERTIFICATE_METHODS.includes(String(method))

const HARDENED: readonly Rule[] = [
  {
    member: 'require_pushed_authorization_requests',
    value: true,
    holds: (value, metadata) => value === true || !usesBrowser(metadata),
    reason: 'must be true: requests go through /par, where nobody on the way can change them (RFC 9126)',
  },
  {
    member: 'dpop_bound_access_tokens',
    value: true,
    unless: isBoundByCertificate,
    holds: (value, metadata) => (value === true) !== isBoundByCertificate(metadata),
    reason:
      'must be true, or tls_client_certificate_bound_access_tokens, and not both: a stolen token is worth nothing without the key it is bound to (RFC 9449 5.2, RFC 8705 3)',
  },
  {
    member: 'token_endpoint_auth_method',
    holds: (value, metadata) =>
      value === 'private_key_jwt' || value === 'none' || provesCertificate(metadata),
    reason:
      'must be private_key_jwt, a certificate (tls_client_auth, self_signed_tls_client_auth), or none for a public client: a secret that is sent can be stolen (RFC 7523 2.2, RFC 8705 2)',
  },
]

const FAPI2: readonly Rule[] = [
  ...HARDENED.filter(({ member }) => member !== 'token_endpoint_auth_method'),
  {
    member: 'token_endpoint_auth_method',
    value: 'private_key_jwt',
    unless: provesCertificate,
    holds: (value, metadata) => value === 'private_key_jwt' || provesCertificate(metadata),
    reason:
      'must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth: only clients that prove a key are accepted (FAPI 2.0 Security Profile 5.3.2.1)',
  },
  {
    member: 'token_endpoint_auth_signing_alg',
    holds: isAbsentOr(FAPI_ALGORITHMS),
    reason: `must be one of ${FAPI_ALGORITHMS.join(', ')} (FAPI 2.0 Security Profile 5.4.1)`,
  },
  {
    member: 'id_token_signed_response_alg',
    value: SIGNED_BY_US,
    holds: (value) => FAPI_ALGORITHMS.includes(String(value)),
    reason: `must be one of ${FAPI_ALGORITHMS.join(', ')} (FAPI 2.0 Security Profile 5.4.1)`,
  },
  {
    member: 'redirect_uris',
    holds: (value) => stringsOf(value).every((uri) => uri.startsWith('https:')),
    reason: 'must be https, also on a developer’s machine (FAPI 2.0 Security Profile 5.3.2.2)',
  },
  {
    member: 'request_object_signing_alg',
    holds: isAbsentOr(FAPI_ALGORITHMS),
    reason: `must be one of ${FAPI_ALGORITHMS.join(', ')} (FAPI 2.0 Security Profile 5.4.1)`,
  },
  {
    member: 'first_party_challenge',
    holds: (value) => value !== true,
    reason: 'must not be true: passwords are given to no app (FAPI 2.0 Security Profile 5.3.2.1)',
  },
]

/** `message_signing`: FAPI 2.0 Message Signing 5.3 and 5.4, on top of the profile `fapi2`. */
const SIGNED_MESSAGES: readonly Rule[] = [
  {
    member: 'require_signed_request_object',
    value: true,
    holds: isTrue,
    reason: 'must be true: requests are signed (FAPI 2.0 Message Signing 5.3.1)',
  },
  {
    member: 'authorization_signed_response_alg',
    value: SIGNED_BY_US,
    holds: (value) => FAPI_ALGORITHMS.includes(String(value)),
    reason: `must be one of ${FAPI_ALGORITHMS.join(', ')}: answers are signed (FAPI 2.0 Message Signing 5.4.1)`,
  },
  {
    member: 'response_modes',
    value: ['jwt'],
    holds: (value) => stringsOf(value).every((mode) => mode === 'jwt' || mode.endsWith('.jwt')),
    reason: 'must hold only jwt and its forms: answers are signed (FAPI 2.0 Message Signing 5.4.2)',
  },
]

/** The client's metadata with what its profile sets where it says nothing. */
export function withProfile(metadata: Metadata): Record<string, unknown> {
  return { ...valuesOf(metadata), ...metadata }
}

/**
 * The same for a client that registered itself, where the profile has the last word: what it said and what was filled
 * in for it look alike there.
 */
export function underProfile(metadata: Metadata): Record<string, unknown> {
  return { ...metadata, ...valuesOf(metadata) }
}

function valuesOf(metadata: Metadata): Record<string, unknown> {
  return Object.fromEntries(
    rulesOf(metadata).flatMap(({ member, value, unless }) =>
      value === undefined || unless?.(metadata) ? [] : [[member, value]],
    ),
  )
}

/** Where the client contradicts its profile; empty when it does not. */
export function contradictions(metadata: Metadata): Contradiction[] {
  const { profile, message_signing: signing } = metadata
  if (profile !== undefined && !isProfile(profile))
    return [{ member: 'profile', reason: `must be one of ${PROFILES.join(', ')}` }]
  if (signing === true && profile !== 'fapi2')
    return [{ member: 'message_signing', reason: 'needs profile "fapi2"' }]
  const exemption = exemptionFault(metadata)
  const whole = withProfile(metadata)
  const broken = rulesOf(metadata)
    .filter(({ member, holds }) => !holds(whole[member], whole))
    .map(({ member, reason }) => ({ member, reason }))
  return exemption ? [exemption, ...broken] : broken
}

function rulesOf({ profile, message_signing: signing }: Metadata): readonly Rule[] {
  switch (profile) {
    case 'hardened':
      return HARDENED
    case 'fapi2':
      return signing === true ? [...FAPI2, ...SIGNED_MESSAGES] : FAPI2
    default:
      return []
  }
}

export function isProfile(value: unknown): value is Profile {
  return PROFILES.includes(value as Profile)
}

function usesBrowser({ grant_types: grants }: Metadata): boolean {
  return grants === undefined || stringsOf(grants).includes('authorization_code')
}
