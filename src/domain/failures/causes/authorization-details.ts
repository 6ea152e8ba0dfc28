/** Rich authorization requests (RFC 9396). */
import { listOf, type Rule, rfc, says } from '../rule.ts'

const detail = (
  cause: string,
  words: string | RegExp,
  summary: string,
  change: string,
  section: string,
): Rule => {
  return (failure, known) => {
    if (failure.error !== 'invalid_authorization_details' || !says(failure, words)) return undefined
    const types = listOf(known.client, 'authorization_details_types')
    return {
      cause,
      summary,
      sent: failure.sent.authorization_details,
      expected:
        cause === 'details-type-not-allowed' ? types.join(' or ') || 'no types for this client' : undefined,
      change,
      standard: rfc(9396, section),
    }
  }
}

const noResource: Rule = (failure) => {
  if (failure.error !== 'invalid_target' || !says(failure, 'when Rich Authorization Requests are used'))
    return undefined
  return {
    cause: 'details-without-resource',
    summary: 'The authorization details are for an API, and neither the request nor their type says which.',
    sent: failure.sent.authorization_details,
    expected: 'a resource, or locations in the details or in their type',
    change: 'Send resource with the address of the API, or locations in each detail.',
    standard: rfc(9396, '3'),
  }
}

export const authorizationDetailsRules: readonly Rule[] = [
  detail(
    'details-type-unknown',
    /unsupported authorization details type/,
    'No type of this name is registered (or it is disabled).',
    'Add the type to AUTHORIZATION_DETAILS_FILE; "ostiary authorization-type list" shows those there are.',
    '5',
  ),
  detail(
    'details-type-not-allowed',
    /is not allowed for this client|may not ask for this type/,
    'The client may not ask for details of this type.',
    "Add the type to the client's authorization_details_types.",
    '10',
  ),
  detail(
    'details-not-granted',
    /must be among those|must be for the resource/,
    'The token request asks for details that the person did not allow, or that are for another API.',
    'Leave authorization_details out at the token endpoint, or send some of those that were granted as they were.',
    '6',
  ),
  detail(
    'details-not-json',
    /could not parse|should be a JSON|members/,
    'The authorization_details are no JSON list of objects with a type.',
    'Send a JSON array, encoded once.',
    '2',
  ),
  detail(
    'details-malformed',
    /./,
    'A detail is not what its type describes, or there is more of it than a person can read.',
    'Compare it with the schema of its type: unknown fields are refused, too.',
    '5',
  ),
  noResource,
]
