/** Scopes (RFC 6749 3.3) and the resources they are asked for at (RFC 8707). */
import { nearest, nearestUri } from '../nearest.ts'
import { type Known, type Rule, rfc, says, textOf } from '../rule.ts'

const notAllowed: Rule = (failure, known) => {
  if (failure.error !== 'invalid_scope' || !says(failure, 'requested scope is not allowed')) return undefined
  const allowed = words(textOf(known.client, 'scope'))
  const asked = words(failure.sent.scope)
  const takes = allowed.length > 0 ? allowed : everyScope(known)
  const refused = asked.filter((scope) => !takes.includes(scope))
  const near = refused[0] === undefined ? undefined : nearest(refused[0], takes)
  return {
    cause: 'scope-not-allowed',
    summary: `The client may not ask for ${refused.length > 0 ? refused.join(', ') : 'this scope'}.`,
    sent: failure.sent.scope,
    expected: takes.join(' '),
    nearest: near,
    change: `Leave ${refused.join(' and ') || 'it'} out, or add it to the client's scope.`,
    standard: rfc(6749, '3.3'),
  }
}

const wider: Rule = (failure) => {
  if (!says(failure, /refresh token missing requested scope/)) return undefined
  return {
    cause: 'scope-wider-than-granted',
    summary: 'The refresh asks for scopes that were not granted in the first place.',
    sent: failure.sent.scope,
    expected: 'no scope, or a part of the granted ones',
    change: 'Leave scope out when refreshing; for more scopes begin a new authorization request.',
    standard: rfc(6749, '6'),
  }
}

const malformed: Rule = (failure) => {
  if (!says(failure, 'scope contains invalid characters')) return undefined
  return {
    cause: 'scope-malformed',
    summary: 'The scope holds characters that no scope may have.',
    sent: failure.sent.scope,
    expected: 'names separated by single spaces',
    change: 'Separate scopes by one space (not by commas or line ends) and encode the parameter once.',
    standard: rfc(6749, '3.3'),
  }
}

const resourceForm: Rule = (failure) => {
  if (!says(failure, /resource indicator must (be an absolute URI|not contain a fragment)/)) return undefined
  return {
    cause: 'resource-malformed',
    summary: 'The resource is not an absolute address without a fragment.',
    sent: failure.sent.resource,
    expected: 'an address such as https://api.example.org',
    change: 'Send the audience of the API as an absolute address.',
    standard: rfc(8707, '2'),
  }
}

const ADD = 'ostiary resource-server add, or RESOURCE_SERVERS'

const resourceNotForClient: Rule = (failure) => {
  if (!says(failure, 'this client may not ask for the resource')) return undefined
  return {
    cause: 'resource-not-for-client',
    summary: 'The API takes tokens of certain clients only, and this is none of them.',
    sent: failure.sent.resource,
    expected: 'one of the clients that the API lists',
    change: 'Add the client: ostiary resource-server update, with its id in --clients.',
    standard: rfc(8707, '2'),
  }
}

const resourceWithoutKey: Rule = (failure) => {
  if (!says(failure, 'no key for the algorithm of the resource')) return undefined
  return {
    cause: 'resource-without-key',
    summary: 'Tokens for this API are to be signed with an algorithm there is no key for.',
    sent: failure.sent.resource,
    expected: 'an algorithm of SIGNING_ALGORITHMS',
    change: 'Add the algorithm to SIGNING_ALGORITHMS, or give the API another.',
    standard: rfc(9068, '2.1'),
  }
}

const resourceUnknown: Rule = (failure, known) => {
  if (failure.error !== 'invalid_target') return undefined
  const sent = failure.sent.resource
  if (sent === undefined) return undefined
  const audiences = known.resources.map(({ audience }) => audience)
  if (audiences.includes(sent))
    return {
      cause: 'resource-refused',
      summary: `The resource exists, and this request may not have it: ${failure.description ?? 'it was refused'}.`,
      sent,
      expected: 'one resource per token request, and one that was granted',
      change:
        'Ask for the resource in the authorization request too, and for one at a time at the token endpoint.',
      standard: rfc(8707, '2.2'),
    }
  const near = nearestUri(sent, audiences)
  return {
    cause: 'resource-unknown',
    summary: 'No API is known under this resource.',
    sent,
    expected: audiences.length > 0 ? audiences.join(' or ') : 'nothing: no API is registered',
    nearest: near,
    change:
      near === undefined
        ? `Register the API: ${ADD}.`
        : `Send resource=${near}, or register the API: ${ADD}.`,
    standard: rfc(8707, '2'),
  }
}

function everyScope({ scopes, resources }: Known): string[] {
  return [...new Set([...scopes, ...resources.flatMap((resource) => resource.scopes)])]
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(' ').filter((word) => word !== '')
}

export const scopeRules: readonly Rule[] = [
  notAllowed,
  wider,
  malformed,
  resourceForm,
  resourceNotForClient,
  resourceWithoutKey,
  resourceUnknown,
]
