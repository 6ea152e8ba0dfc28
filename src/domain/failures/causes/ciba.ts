/** Backchannel authentication (OpenID Connect CIBA Core 1.0). */
import { type Rule, type Standard, says } from '../rule.ts'

const ciba = (section: string): Standard => ({
  name: `OpenID Connect CIBA Core 1.0, section ${section}`,
  url: 'https://openid.net/specs/openid-client-initiated-backchannel-authentication-core-1_0.html',
})

const hints: Rule = (failure) => {
  if (!says(failure, /one of required parameters login_hint_token|login_hint_token is not supported/))
    return undefined
  return {
    cause: 'ciba-hint',
    summary: 'The request must name the person in exactly one way.',
    expected: 'login_hint (an e-mail address or a username) or id_token_hint',
    change: 'Send one of the two, and no other hint.',
    standard: ciba('7.1'),
  }
}

const bindingMessage: Rule = (failure) => {
  if (failure.error !== 'invalid_binding_message') return undefined
  return {
    cause: 'ciba-binding-message',
    summary: 'The binding message cannot be shown as it is.',
    expected: '1 to 40 letters, digits, spaces or any of - . _ + / ! ? #',
    change: 'Send a short code that people can compare, for example W4-SCT.',
    standard: ciba('13'),
  }
}

const unsupported: Rule = (failure) => {
  if (
    !says(failure, /^(user_code|request_context|authorization_details|id_token_hint) (is|are) not supported/)
  )
    return undefined
  return {
    cause: 'ciba-parameter',
    summary: 'The request has a parameter that is not supported here.',
    change: 'Leave it out; people approve with their password, and are named by login_hint.',
    standard: ciba('7.1'),
  }
}

const notAllowed: Rule = (failure) => {
  if (!says(failure, /urn:openid:params:grant-type:ciba is not allowed for this client/)) return undefined
  return {
    cause: 'ciba-not-allowed',
    summary: 'The client may not ask people by backchannel authentication.',
    expected: 'urn:openid:params:grant-type:ciba',
    change:
      'Add "urn:openid:params:grant-type:ciba" to the grant_types of its entry in CLIENTS_FILE, with "backchannel_token_delivery_mode": "poll".',
    standard: ciba('4'),
  }
}

const over: Rule = (failure) => {
  if (!says(failure, /backchannel authentication request (is expired|already consumed|not found)/))
    return undefined
  return {
    cause: 'ciba-request-over',
    summary: 'The authentication request has expired, was used, or is not of this client.',
    expected: 'auth_req_id of an open request, exchanged once',
    change: 'Begin again at the backchannel authentication endpoint; stop polling after the first answer.',
    standard: ciba('11'),
  }
}

export const cibaRules: readonly Rule[] = [hints, bindingMessage, unsupported, notAllowed, over]
