/** Codes and tokens that are presented, and the grant types they come with (RFC 6749 5.2, RFC 8628, RFC 6750). */
import { nearest } from '../nearest.ts'
import { type Explanation, listOf, oidcCore, type Rule, rfc, says } from '../rule.ts'

const GRANT_TYPES = [
  ...['authorization_code', 'refresh_token', 'client_credentials'],
  'urn:ietf:params:oauth:grant-type:device_code',
  'urn:ietf:params:oauth:grant-type:token-exchange',
  'urn:openid:params:grant-type:ciba',
]

const notAllowed: Rule = (failure, known) => {
  if (
    !says(failure, /grant type is not allowed for this client|grant-type:\S+ is not allowed for this client/)
  )
    return undefined
  const sent =
    failure.sent.grant_type ??
    (failure.endpoint === 'device_authorization' ? 'urn:ietf:params:oauth:grant-type:device_code' : undefined)
  const registered = listOf(known.client, 'grant_types')
  return {
    cause: 'grant-type-not-allowed',
    summary: 'The client is not registered for this grant type.',
    sent,
    expected: (registered.length > 0 ? registered : ['authorization_code']).join(' or '),
    change: `Add "${sent ?? ''}" to the client's grant_types.`,
    standard: rfc(7591, '2'),
  }
}

const unsupported: Rule = (failure) => {
  if (failure.error !== 'unsupported_grant_type') return undefined
  const sent = failure.sent.grant_type ?? ''
  const near = nearest(sent, GRANT_TYPES)
  return {
    cause: 'grant-type-unknown',
    summary: 'This grant type is not supported here.',
    sent,
    expected: GRANT_TYPES.join(' or '),
    nearest: near,
    change:
      sent === 'password' || sent === 'implicit'
        ? 'Use the authorization code flow with PKCE; this one is not safe (RFC 9700 2.4).'
        : `Send ${near ?? 'one of the supported grant types'}.`,
    standard: rfc(6749, '5.2'),
  }
}

type Words = Omit<Explanation, 'sent'>

/** By the words of the engine; `KIND` stands for what was presented. */
const PRESENTED: [RegExp, string, Words][] = [
  [
    /authorization code (already consumed)|lost the race/,
    'code',
    {
      cause: 'code-used',
      summary: 'The authorization code was used before. All that came of it was revoked.',
      expected: 'each code once',
      change: 'Exchange the code once: look for a callback that runs twice (a reload, strict mode, a retry).',
      standard: rfc(6749, '4.1.2'),
    },
  ],
  [
    /authorization code is expired/,
    'code',
    {
      cause: 'code-expired',
      summary: 'The authorization code has expired.',
      expected: 'a code at most a minute old',
      change: 'Exchange the code as soon as the callback has it.',
      standard: rfc(6749, '4.1.2'),
    },
  ],
  [
    /authorization code not found/,
    'code',
    {
      cause: 'code-unknown',
      summary: 'The authorization code is not known: never issued here, long expired, or revoked.',
      expected: 'the "code" of the callback, as it came, from this issuer',
      change: 'Send the code of the newest callback unchanged (decode it once), to the issuer that sent it.',
      standard: rfc(6749, '5.2'),
    },
  ],
  [
    /refresh token (is expired)/,
    'refresh_token',
    {
      cause: 'refresh-token-expired',
      summary: 'The refresh token has expired: it was not used for too long, or the longest time is over.',
      expected: 'a token within REFRESH_IDLE_DAYS and REFRESH_MAX_DAYS',
      change: 'Send the person through a new authorization request.',
      standard: rfc(6749, '6'),
    },
  ],
  [
    /refresh token already used/,
    'refresh_token',
    {
      cause: 'refresh-token-used',
      summary: 'The refresh token was used before and replaced. All tokens of this sign-in were revoked.',
      expected: 'the newest refresh token',
      change:
        'Store the refresh token of each answer in place of the old one, and refresh in one place at a time.',
      standard: rfc(9700, '4.14.2'),
    },
  ],
  [
    /refresh token not found/,
    'refresh_token',
    {
      cause: 'refresh-token-unknown',
      summary:
        'The refresh token is not known: never issued here, expired, or revoked (a sign-out, a reuse).',
      expected: 'the newest refresh token of this issuer',
      change: 'Send the person through a new authorization request.',
      standard: rfc(6749, '5.2'),
    },
  ],
  [
    /grant (not found|is expired|was revoked)|the grant was revoked/,
    'code',
    {
      cause: 'grant-ended',
      summary:
        'What the person allowed was ended: signed out, withdrawn, disabled, or a code or token was used twice.',
      change: 'Send the person through a new authorization request.',
      standard: rfc(6749, '5.2'),
    },
  ],
  [
    /client mismatch/,
    'code',
    {
      cause: 'issued-to-another-client',
      summary: 'The code or token was issued to another client.',
      expected: 'the client_id of the authorization request',
      change: 'Use the same client_id at both endpoints.',
      standard: rfc(6749, '5.2'),
    },
  ],
  [
    /device code (is expired|not found|already consumed)/,
    'device_code',
    {
      cause: 'device-code-over',
      summary: 'The device code has expired, was used, or is not known.',
      expected: 'a device code within its expires_in, once',
      change: 'Ask for a new device code and show the new user code.',
      standard: rfc(8628, '3.5'),
    },
  ],
  [
    /no access token provided/,
    'access_token',
    {
      cause: 'access-token-missing',
      summary: 'There is no access token in the request.',
      expected: 'Authorization: Bearer and the access token',
      change: 'Send the access token in the Authorization header.',
      standard: rfc(6750, '2.1'),
    },
  ],
  [
    /^access token not found/m,
    'access_token',
    {
      cause: 'access-token-unknown',
      summary: 'The access token is not known here: expired, revoked, or one made for an API (a JWT).',
      expected: 'an access token that was asked for without "resource", and has not expired',
      change: 'Refresh the token; for userinfo take one without a resource.',
      standard: rfc(6750, '3.1'),
    },
  ],
  [
    /audience prevents accessing the userinfo/,
    'access_token',
    {
      cause: 'access-token-for-an-api',
      summary: 'The access token was issued for an API, and userinfo takes only those without a resource.',
      change: 'Ask for a token without "resource" for userinfo, and for another one for the API.',
      standard: rfc(8707, '2.2'),
    },
  ],
  [
    /access token missing openid scope/,
    'access_token',
    {
      cause: 'openid-scope-missing',
      summary: 'The access token was granted without the scope openid.',
      expected: 'scope openid',
      change: 'Ask for the scope openid in the authorization request.',
      standard: oidcCore('5.3'),
    },
  ],
  [
    /initial access token/,
    'access_token',
    {
      cause: 'initial-access-token',
      summary: 'Registration asks for an initial access token, and this is none that is valid.',
      expected: 'Authorization: Bearer and INITIAL_ACCESS_TOKEN, or a token that an operator made',
      change: 'Send an initial access token of this installation (ostiary initial-access-token).',
      standard: rfc(7591, '3'),
    },
  ],
  [
    /registration access token/,
    'access_token',
    {
      cause: 'registration-access-token',
      summary: 'The registration access token is not valid for this client; each use of PUT replaces it.',
      expected: 'the newest registration_access_token of this client',
      change: 'Keep the registration_access_token of each answer.',
      standard: rfc(7592, '2'),
    },
  ],
]

const presented: Rule = (failure) => {
  for (const [words, name, explanation] of PRESENTED)
    if (says(failure, words)) return { ...explanation, sent: presentedAs(failure.sent, name) }
  return undefined
}

/** The parameter by which a code or token came. */
function presentedAs(sent: Record<string, string>, name: string): string | undefined {
  const found = [name, 'refresh_token', 'code', 'device_code'].find((one) => sent[one] !== undefined)
  return found === undefined ? undefined : `${found} ${sent[found]}`
}

export const grantRules: readonly Rule[] = [notAllowed, unsupported, presented]
