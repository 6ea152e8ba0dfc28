/** Proof keys (RFC 7636): S256 for every client. */
import { type Rule, rfc, says } from '../rule.ts'

const HOW = 'code_challenge = BASE64URL(SHA-256(code_verifier)) with code_challenge_method=S256'

const missing: Rule = (failure, known) => {
  if (!says(failure, 'PKCE to be used')) return undefined
  return {
    cause: 'pkce-missing',
    summary:
      known.client?.metadata.pkce_exempt === true
        ? 'There is no code_challenge, and this client may leave it out only with scope openid and a nonce.'
        : 'The authorization request has no code_challenge; PKCE is asked of every client here.',
    sent: 'no code_challenge',
    expected: HOW,
    change:
      'Switch PKCE (S256) on in the client library, or send code_challenge and code_challenge_method=S256.',
    standard: rfc(9700, '2.1.1'),
  }
}

const plain: Rule = (failure) => {
  if (!says(failure, 'not supported value of code_challenge_method')) return undefined
  const method = failure.sent.code_challenge_method
  return {
    cause: method === undefined || method === 'plain' ? 'pkce-plain' : 'pkce-method-unknown',
    summary: 'The code_challenge_method is not S256, and nothing else is taken.',
    sent: method === undefined ? 'no code_challenge_method, which means plain' : method,
    expected: 'S256',
    change: 'Send code_challenge_method=S256 and the SHA-256 of the verifier as code_challenge.',
    standard: rfc(7636, '4.3'),
  }
}

const methodMissing: Rule = (failure) => {
  if (!says(failure, 'code_challenge_method must be provided')) return undefined
  return {
    cause: 'pkce-plain',
    summary: 'There is a code_challenge without code_challenge_method, which means plain; S256 is asked.',
    sent: 'no code_challenge_method',
    expected: 'S256',
    change: 'Send code_challenge_method=S256 and the SHA-256 of the verifier as code_challenge.',
    standard: rfc(7636, '4.3'),
  }
}

const challengeMissing: Rule = (failure) => {
  if (!says(failure, 'code_challenge must be provided with')) return undefined
  return {
    cause: 'pkce-challenge-missing',
    summary: 'There is a code_challenge_method without a code_challenge.',
    sent: `code_challenge_method=${failure.sent.code_challenge_method ?? ''} alone`,
    expected: HOW,
    change: 'Send the code_challenge too.',
    standard: rfc(7636, '4.3'),
  }
}

const malformed: Rule = (failure) => {
  const found = /(code_challenge|code_verifier) (?:must be a string|contains invalid characters)/.exec(
    failure.description ?? '',
  )
  const name = found?.[1]
  if (name === undefined) return undefined
  return {
    cause: name === 'code_verifier' ? 'pkce-verifier-malformed' : 'pkce-challenge-malformed',
    summary: `The ${name} cannot be one: it must have 43 to 128 characters of A-Z a-z 0-9 - . _ ~.`,
    sent: failure.sent[name],
    expected: '43 to 128 characters; of S256 always 43',
    change:
      name === 'code_verifier'
        ? 'Make the verifier of 32 random bytes as base64url without padding, which are 43 characters.'
        : 'Send the SHA-256 as base64url without padding, not as hex and not with "=" at the end.',
    standard: rfc(7636, name === 'code_verifier' ? '4.1' : '4.2'),
  }
}

const verifierMissing: Rule = (failure) => {
  if (!says(failure, 'code_verifier must be provided')) return undefined
  return {
    cause: 'pkce-verifier-missing',
    summary: 'The code was asked for with a code_challenge, and the token request has no code_verifier.',
    sent: 'no code_verifier',
    expected: 'the code_verifier whose SHA-256 was the code_challenge',
    change: 'Keep the verifier between the two requests and send it as code_verifier.',
    standard: rfc(7636, '4.5'),
  }
}

const verifierWrong: Rule = (failure) => {
  if (!says(failure, 'code_verifier does not match')) return undefined
  return {
    cause: 'pkce-verifier-wrong',
    summary: 'The SHA-256 of the code_verifier is not the code_challenge of the authorization request.',
    sent: `code_verifier ${failure.sent.code_verifier ?? 'missing'}`,
    expected: 'the verifier that this very sign-in began with',
    change:
      'Keep one verifier per sign-in (two tabs have two) and send it as it is; the challenge is its SHA-256 as base64url without padding.',
    standard: rfc(7636, '4.6'),
  }
}

export const pkceRules: readonly Rule[] = [
  ...[missing, plain, methodMissing, challengeMissing],
  ...[malformed, verifierMissing, verifierWrong],
]
