/** Addresses that people are sent back to: compared letter by letter (RFC 9700 2.1). */
import { differencesOf, nearestUri } from '../nearest.ts'
import { type Explanation, type Known, listOf, type Rule, rfc, says } from '../rule.ts'

const missing: Rule = (failure) => {
  if (failure.sent.redirect_uri !== undefined) return undefined
  if (!says(failure, /missing required parameters?.*redirect_uri/)) return undefined
  return {
    cause: 'redirect-uri-missing',
    summary: 'The request names no redirect_uri, and it must, even where only one is registered.',
    sent: 'no redirect_uri',
    change: 'Send redirect_uri with the value that is registered.',
    standard: failure.endpoint === 'token' ? rfc(6749, '4.1.3') : rfc(6749, '3.1.2.3'),
  }
}

const unregistered: Rule = (failure, known) => {
  const sent = failure.sent.redirect_uri
  const refused = failure.error === 'invalid_redirect_uri' || says(failure, 'redirect_uri did not match any')
  if (!refused || sent === undefined || /^(registration|client_update)$/.test(failure.endpoint))
    return undefined
  return compared(known, 'redirect_uris', sent, {
    cause: 'redirect-uri-unregistered',
    summary:
      'The redirect_uri is not one of those the client has registered; they are compared letter by letter.',
    standard: rfc(6749, '3.1.2.3'),
  })
}

const signOutAddress: Rule = (failure, known) => {
  const sent = failure.sent.post_logout_redirect_uri
  if (sent === undefined || !says(failure, 'post_logout_redirect_uri not registered')) return undefined
  return compared(known, 'post_logout_redirect_uris', sent, {
    cause: 'post-logout-redirect-uri-unregistered',
    summary: 'The post_logout_redirect_uri is not one of those the client has registered.',
    standard: {
      name: 'OpenID Connect RP-Initiated Logout 1.0, section 3',
      url: 'https://openid.net/specs/openid-connect-rpinitiated-1_0.html',
    },
  })
}

const notTheCodes: Rule = (failure, known) => {
  if (!says(failure, 'authorization code redirect_uri mismatch')) return undefined
  const sent = failure.sent.redirect_uri ?? ''
  const registered = listOf(known.client, 'redirect_uris')
  const near = registered.includes(sent) ? undefined : nearestUri(sent, registered)
  return {
    cause: 'redirect-uri-not-of-the-code',
    summary: 'The code was issued for another redirect_uri than the one sent with it.',
    sent,
    expected: 'the redirect_uri of the authorization request, letter by letter',
    nearest: near,
    difference: near && differencesOf(sent, near).join('; '),
    change: 'Send at the token endpoint the very redirect_uri that the authorization request had.',
    standard: rfc(6749, '4.1.3'),
  }
}

/** Fills in what is registered and how the sent address differs from the nearest of it. */
function compared(
  known: Known,
  member: string,
  sent: string,
  of: Pick<Explanation, 'cause' | 'summary' | 'standard'>,
): Explanation {
  const registered = listOf(known.client, member)
  const near = nearestUri(sent, registered)
  return {
    ...of,
    sent,
    expected:
      registered.length === 0 ? `nothing: the client has no ${member}` : registered.slice(0, 10).join(' or '),
    nearest: near,
    difference: near && differencesOf(sent, near).join('; '),
    change:
      near === undefined
        ? `Register the address in the client's ${member}.`
        : `Send ${near}, or add ${sent} to the client's ${member}.`,
  }
}

export const redirectRules: readonly Rule[] = [missing, unregistered, signOutAddress, notTheCodes]
