/** Who the client is, and how it shows that (RFC 6749 2.3, OpenID Connect Core 1.0, 9). */

import { nearest } from '../nearest.ts'
import type { FailureRecord } from '../record.ts'
import { type Known, oidcCore, type Rule, rfc, says, textOf } from '../rule.ts'

const idMissing: Rule = (failure) => {
  if (failure.clientId !== undefined) return undefined
  if (!says(failure, /missing required parameters?.*client_id|no client authentication mechanism/))
    return undefined
  return {
    cause: 'client-id-missing',
    summary: 'The request does not say which client it comes from.',
    sent: 'no client_id',
    change: 'Send client_id, or authenticate the client as it is registered.',
    standard: failure.endpoint === 'authorization' ? rfc(6749, '4.1.1') : rfc(6749, '2.3'),
  }
}

const unknown: Rule = (failure, known) => {
  if (!says(failure, 'client not found') || failure.clientId === undefined) return undefined
  const disabled = known.client?.status === 'disabled'
  const near = known.client ? undefined : nearest(failure.clientId, known.clientIds)
  return {
    cause: disabled ? 'client-disabled' : 'client-unknown',
    summary: disabled ? 'The client is disabled.' : 'No client has this client_id.',
    sent: failure.clientId,
    expected: 'the client_id of a client that is registered and not disabled',
    nearest: near,
    difference:
      near && near.toLowerCase() === failure.clientId.toLowerCase() ? 'upper and lower case' : undefined,
    change: disabled
      ? 'An administrator must enable the client.'
      : near === undefined
        ? 'Register the client, or take the client_id from the answer of its registration (and check the issuer).'
        : `Send client_id=${near}.`,
    standard: rfc(6749, '2.2'),
  }
}

const severalWays: Rule = (failure) => {
  if (!says(failure, 'must only be provided using one mechanism')) return undefined
  if (says(failure, 'access token')) return undefined
  return {
    cause: 'client-authenticated-twice',
    summary: 'The client showed who it is in more than one way.',
    sent: failure.presented.join(' and '),
    expected: 'one of them',
    change:
      'Leave out all but the method that is registered (often the library sends one and your code the other).',
    standard: rfc(6749, '2.3'),
  }
}

const malformed: Rule = (failure) => {
  if (
    !says(
      failure,
      /invalid authorization header value format|are not properly encoded|must be provided in the Auth/,
    )
  )
    return undefined
  return {
    cause: 'authorization-header-malformed',
    summary: 'The Authorization header cannot be read.',
    sent: failure.presented.join(', '),
    expected: 'Basic BASE64(urlencode(client_id) + ":" + urlencode(client_secret)), or Bearer and a token',
    change: 'Encode id and secret each as a form value, join them by a colon, then base64 (not base64url).',
    standard: rfc(6749, '2.3.1'),
  }
}

const otherMethod: Rule = (failure, known) => {
  if (!says(failure, 'does not match the registered client authentication method')) return undefined
  const registered = methodOf(known)
  const sent = failure.presented.join(', ')
  return {
    cause: sent === 'none' ? 'client-not-authenticated' : 'client-authentication-method',
    summary:
      sent === 'none'
        ? 'The client did not authenticate, and it is registered to.'
        : 'The client authenticated in another way than it is registered for.',
    sent,
    expected: registered,
    change:
      registered === 'none'
        ? 'Leave the secret out: the client is a public one.'
        : `Use ${registered} in the library, or change the client's token_endpoint_auth_method.`,
    standard: oidcCore('9'),
  }
}

const secretWrong: Rule = (failure) => {
  if (!says(failure, 'invalid secret provided')) return undefined
  const length = failure.sent.client_secret
  return {
    cause: 'client-secret-wrong',
    summary: 'The client_secret is not the one that is registered.',
    sent: [failure.presented.join(', '), length].filter(Boolean).join(': '),
    expected: 'the secret shown at registration, or in the clients file',
    change:
      'Send the secret as it was given: without quotes or line ends, url-encoded in Basic. A lost one cannot be shown again; register anew.',
    standard: rfc(6749, '2.3.1'),
  }
}

const secretExpired: Rule = (failure) => {
  if (!says(failure, 'client secret is expired')) return undefined
  return {
    cause: 'client-secret-expired',
    summary: "The client's secret has expired.",
    change: 'Give the client a new secret.',
    standard: {
      name: 'OpenID Connect Dynamic Client Registration 1.0, section 3.2',
      url: 'https://openid.net/specs/openid-connect-registration-1_0.html',
    },
  }
}

/** What is wrong with a client assertion, by the words of the engine. */
const ASSERTION: [RegExp, string, (f: FailureRecord, k: Known) => { sent?: string; expected: string }][] = [
  [/must only be used once/, 'it was used before', () => ({ expected: 'a new jti in each assertion' })],
  [
    /another kind of JWT/,
    'it is another kind of JWT',
    () => ({ expected: 'no typ in the header, or JWT, or client-authentication+jwt' }),
  ],
  [
    /audience|\baud\b/,
    'it is for somebody else',
    (f, k) => ({ sent: `aud ${audience(f)}`, expected: `aud ${k.issuer}` }),
  ],
  [
    /\biss\b|\bsub\b/,
    'iss and sub must both be the client_id',
    (f) => ({
      sent: `iss ${f.jwts.client_assertion?.iss ?? 'missing'}`,
      expected: f.clientId ?? 'the client_id',
    }),
  ],
  [
    /alg mismatch/,
    'it is signed with another algorithm',
    (f, k) => ({
      sent: f.jwts.client_assertion?.alg ?? 'none',
      expected:
        textOf(k.client, 'token_endpoint_auth_signing_alg') ?? 'one of the discovery document, no HMAC',
    }),
  ],
  [/expiration must be/, 'it has no exp', () => ({ expected: 'exp, a minute ahead' })],
  [/jti/, 'it has no jti', () => ({ expected: 'a random jti' })],
  [
    /signature|no applicable key|matching key/i,
    'no registered key made its signature',
    () => ({ expected: "a signature by a key of the client's jwks or jwks_uri, with its kid" }),
  ],
]

const assertion: Rule = (failure, known) => {
  if (failure.error !== 'invalid_client' || !failure.presented.includes('private_key_jwt')) return undefined
  const found = ASSERTION.find(([words]) => words.test(failure.detail ?? ''))
  if (!found) return undefined
  return {
    cause: 'client-assertion',
    summary: `The client assertion cannot be used: ${found[1]}.`,
    ...found[2](failure, known),
    change: 'Make the assertion with the client library, new for each request.',
    standard: rfc(7523, '3'),
  }
}

function audience(failure: FailureRecord): string {
  return failure.jwts.client_assertion?.aud ?? 'missing'
}

function methodOf({ client }: Known): string {
  return textOf(client, 'token_endpoint_auth_method') ?? 'client_secret_basic'
}

export const clientRules: readonly Rule[] = [
  ...[idMissing, unknown, severalWays, malformed],
  ...[otherMethod, secretWrong, secretExpired, assertion],
]
