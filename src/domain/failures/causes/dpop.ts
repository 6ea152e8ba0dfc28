/** Proof of possession (RFC 9449). */
import { type Rule, rfc, says } from '../rule.ts'

const methodMismatch: Rule = (failure) => {
  if (!says(failure, 'DPoP proof htm mismatch')) return undefined
  return {
    cause: 'dpop-method',
    summary: 'The DPoP proof was made for another HTTP method.',
    sent: `htm ${failure.jwts.dpop?.htm ?? 'missing'}`,
    expected: failure.method,
    change: `Make the proof with "htm": "${failure.method}".`,
    standard: rfc(9449, '4.3'),
  }
}

const addressMismatch: Rule = (failure, known) => {
  if (!says(failure, 'DPoP proof htu mismatch')) return undefined
  return {
    cause: 'dpop-address',
    summary: 'The DPoP proof was made for another address than the one it was sent to.',
    sent: `htu ${failure.jwts.dpop?.htu ?? 'missing'}`,
    expected: `the ${failure.endpoint} endpoint of ${known.issuer}, as in the discovery document`,
    change:
      'Make the proof for the address of this request, without query and fragment; behind a proxy, the public one.',
    standard: rfc(9449, '4.3'),
  }
}

const tokenHashMismatch: Rule = (failure) => {
  if (!says(failure, 'DPoP proof ath mismatch')) return undefined
  return {
    cause: 'dpop-token-hash',
    summary: 'The DPoP proof does not hold the hash of the access token it came with.',
    expected: 'ath = BASE64URL(SHA-256(access token))',
    change: 'Make a new proof with the hash of this access token in "ath".',
    standard: rfc(9449, '4.3'),
  }
}

const replayed: Rule = (failure) => {
  if (!says(failure, 'DPoP proof JWT Replay')) return undefined
  return {
    cause: 'dpop-replayed',
    summary: 'A DPoP proof with this jti was used before.',
    sent: `jti ${failure.jwts.dpop?.jti ?? 'missing'}`,
    change: 'Make a new proof, with a new jti, for each request, retries too.',
    standard: rfc(9449, '11.1'),
  }
}

const otherKey: Rule = (failure) => {
  if (!says(failure, /failed jkt verification|does not match dpop_jkt/)) return undefined
  return {
    cause: 'dpop-key',
    summary: 'What was sent is bound to another key than the one that signed the DPoP proof.',
    sent: failure.jwts.dpop ? 'a DPoP proof with another key' : 'no DPoP proof',
    change:
      'Sign the proof with the key that the code or token was asked for with; a lost key needs a new sign-in.',
    standard: rfc(9449, '5'),
  }
}

const absent: Rule = (failure) => {
  if (!says(failure, /missing DPoP proof JWT|`DPoP` header not provided/)) return undefined
  return {
    cause: 'dpop-missing',
    summary: 'A DPoP proof is asked for, and none was sent.',
    sent: 'no DPoP header',
    change: 'Send a DPoP proof in the DPoP header.',
    standard: rfc(9449, '4.1'),
  }
}

const schemeMismatch: Rule = (failure) => {
  if (!says(failure, /scheme must be `(DPoP|Bearer)`|not sender-constrained/)) return undefined
  return {
    cause: 'dpop-scheme',
    summary:
      'The Authorization header and the token do not fit: DPoP for tokens bound to a key, else Bearer.',
    sent: failure.presented.join(', '),
    change: 'Use the scheme that the token response named in token_type.',
    standard: rfc(9449, '7.1'),
  }
}

const invalid: Rule = (failure) => {
  if (failure.error !== 'invalid_dpop_proof') return undefined
  return {
    cause: 'dpop-invalid',
    summary: `The DPoP proof cannot be used: ${failure.detail ?? failure.description ?? 'it is invalid'}.`,
    sent: `alg ${failure.jwts.dpop?.alg ?? 'unreadable'}, typ ${failure.jwts.dpop?.typ ?? 'missing'}`,
    expected:
      'typ dpop+jwt, an asymmetric alg of the discovery document, the public key in "jwk", iat and jti',
    change: 'Make the proof with a DPoP library, signed by the private key of the "jwk" in its header.',
    standard: rfc(9449, '4.2'),
  }
}

export const dpopRules: readonly Rule[] = [
  ...[methodMismatch, addressMismatch, tokenHashMismatch, replayed],
  ...[otherKey, absent, schemeMismatch, invalid],
]
