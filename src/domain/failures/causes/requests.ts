/** The form of a request: parameters, body, response type, registration. */
import { nearest } from '../nearest.ts'
import { listOf, oidcCore, type Rule, rfc, says } from '../rule.ts'

const responseType: Rule = (failure, known) => {
  const refused = failure.error === 'unsupported_response_type'
  if (!refused && !says(failure, 'response_type is not allowed for this client')) return undefined
  const sent = failure.sent.response_type ?? ''
  const registered = listOf(known.client, 'response_types')
  return {
    cause: refused ? 'response-type-unknown' : 'response-type-not-allowed',
    summary: refused
      ? 'This response_type is not supported: implicit and hybrid flows put tokens into addresses.'
      : 'The client is not registered for this response_type.',
    sent,
    expected: refused ? 'code' : (registered.length > 0 ? registered : ['code']).join(' or '),
    change: refused
      ? 'Use response_type=code with PKCE; libraries call it the authorization code flow.'
      : `Add "${sent}" to the client's response_types.`,
    standard: rfc(9700, '2.1.2'),
  }
}

const responseMode: Rule = (failure) => {
  if (!says(failure, 'response_mode')) return undefined
  const modes = ['query', 'fragment', 'form_post']
  const near = nearest(failure.sent.response_mode ?? '', modes)
  return {
    cause: 'response-mode',
    summary: 'This response_mode is not supported here, or not with this request.',
    sent: failure.sent.response_mode,
    expected: modes.join(', '),
    nearest: near,
    change: `Leave response_mode out${near === undefined ? '' : `, or send ${near}`}.`,
    standard: {
      name: 'OAuth 2.0 Multiple Response Type Encoding Practices, section 2.1',
      url: 'https://openid.net/specs/oauth-v2-multiple-response-types-1_0.html',
    },
  }
}

const twice: Rule = (failure) => {
  const found = /^(.*) parameters? must not be provided twice/.exec(failure.description ?? '')
  if (!found) return undefined
  return {
    cause: 'parameter-twice',
    summary: `A parameter came more than once: ${found[1]}.`,
    change: 'Send each parameter once (often it is in the address and in the library, too).',
    standard: rfc(6749, '3.1'),
  }
}

const missing: Rule = (failure) => {
  const found = /missing required parameters? (.*)$/m.exec(failure.description ?? '')
  if (!found) return undefined
  return {
    cause: 'parameter-missing',
    summary: `A parameter that is required is missing: ${found[1]}.`,
    sent: Object.keys(failure.sent).join(', ') || 'no parameter that is known',
    expected: found[1],
    change: `Send ${found[1]}; in a POST as a form in the body, not as JSON.`,
    standard: rfc(6749, failure.endpoint === 'token' ? '4.1.3' : '4.1.1'),
  }
}

const body: Rule = (failure) => {
  if (!says(failure, /content-type bodies are supported|failed to parse the request body/)) return undefined
  const json = failure.endpoint === 'registration' || failure.endpoint === 'client_update'
  return {
    cause: 'body-type',
    summary: `The body of the request cannot be read as ${json ? 'JSON' : 'a form'}.`,
    expected: json ? 'Content-Type: application/json' : 'Content-Type: application/x-www-form-urlencoded',
    change: json ? 'Send the metadata as JSON.' : 'Send the parameters as a form, not as JSON.',
    standard: json ? rfc(7591, '3.1') : rfc(6749, '4.1.3'),
  }
}

const pushed: Rule = (failure) => {
  if (failure.error !== 'invalid_request_uri') return undefined
  return {
    cause: 'request-uri-over',
    summary: 'The request_uri has expired, was used before, or is none of this server.',
    sent: `request_uri ${failure.sent.request_uri ?? 'missing'}`,
    expected: 'a request_uri of /par, once, within its expires_in (a minute)',
    change: 'Push the request anew for each sign-in; a reload or "back" needs a new one.',
    standard: rfc(9126, '4'),
  }
}

const requestObject: Rule = (failure) => {
  if (failure.error === 'request_uri_not_supported')
    return {
      cause: 'request-object',
      summary: 'A request_uri is taken only as /par gave it; no other address is fetched.',
      sent: `request_uri ${failure.sent.request_uri ?? ''}`,
      change: 'Push the request to /par and send the request_uri of its answer.',
      standard: rfc(9126, '2'),
    }
  if (failure.error !== 'invalid_request_object') return undefined
  return {
    cause: 'request-object',
    summary: `The signed request cannot be used: ${failure.description ?? ''}.`,
    sent: `request ${failure.sent.request ?? ''}`,
    expected:
      'a JWT of the client: iss its client_id, aud the issuer, signed with a key of its jwks or jwks_uri',
    change:
      'Sign it with a registered key, for this issuer, and send it before it expires; or send plain parameters.',
    standard: rfc(9101, '10.2'),
  }
}

const claims: Rule = (failure) => {
  if (!says(failure, /claims(\.\w+)? (parameter|should)|claims parameter/)) return undefined
  return {
    cause: 'claims-malformed',
    summary: `The claims parameter cannot be used: ${failure.description ?? ''}.`,
    sent: failure.sent.claims,
    expected: 'JSON such as {"id_token":{"email":null}}',
    change: 'Send JSON with the members userinfo or id_token, encoded once.',
    standard: oidcCore('5.5'),
  }
}

const metadata: Rule = (failure) => {
  if (failure.endpoint !== 'registration' && failure.endpoint !== 'client_update') return undefined
  if (!/^invalid_(client_metadata|redirect_uri)$/.test(failure.error)) return undefined
  return {
    cause: 'client-metadata',
    summary: `The registration was refused: ${failure.description ?? failure.error}.`,
    sent: Object.entries(failure.sent)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', '),
    change: 'Change the member that is named.',
    standard: rfc(7591, '3.2.2'),
  }
}

const expiredPage: Rule = (failure) => {
  if (!/^(resume|authorization|device_resume|end_session)/.test(failure.endpoint)) return undefined
  if (!says(failure, /session not found|not begun in this browser|cookie/)) return undefined
  return {
    cause: 'sign-in-over',
    summary: 'The sign-in was finished, took too long, or was begun in another browser.',
    expected: 'the cookies of the browser that began it',
    change: 'Begin again from the app; do not keep the address of the sign-in page.',
    standard: oidcCore('3.1.2.2'),
  }
}

export const requestRules: readonly Rule[] = [
  ...[responseType, responseMode, twice, missing, body],
  ...[pushed, requestObject, claims, metadata, expiredPage],
]
