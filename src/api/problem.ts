/**
 * Refusals of the API: RFC 9457 problem documents. The code is stable, the status is the one its standard gives it, the
 * words are all here; causes only reach the log.
 */
export const PROBLEMS = {
  malformed: [400, 'The request cannot be read'],
  invalid_parameter: [400, 'A parameter of the address is not what it should be'],
  proof_invalid: [400, 'The code or the link is wrong'],
  auth_session_invalid: [400, 'The auth_session was used or has expired: begin again'],
  token_missing: [401, 'An access token is needed'],
  invalid_token: [401, 'The access token is not valid here, or no longer'],
  invalid_dpop_proof: [401, 'The DPoP proof is missing or not valid'],
  invalid_credentials: [401, 'The name or the password is wrong'],
  verification_required: [401, 'A code was sent by mail: send it with the auth_session'],
  step_required: [401, 'Something is left that only a browser can ask: send the person through the browser'],
  refresh_token_invalid: [401, 'The refresh token was used, has expired or was ended: sign in again'],
  insufficient_scope: [403, 'The application was not given what this needs'],
  forbidden: [403, 'Your roles do not allow this'],
  not_found: [404, 'There is no such thing'],
  method_not_allowed: [405, 'This address does not take the method'],
  email_taken: [409, 'The e-mail address is in use'],
  username_taken: [409, 'The username is in use'],
  client_taken: [409, 'The client id is in use'],
  last_owner: [409, 'The last owner stays: make somebody else an owner first'],
  role_taken: [409, 'There is a role of this name'],
  role_in_use: [409, 'Somebody has the role'],
  built_in_role: [409, 'Built-in roles stay as they are: make one of your own'],
  declared: [409, 'It is declared in the settings: change it there'],
  no_sign_in: [409, 'People do not sign in to this client by a browser'],
  no_secret: [409, 'The client proves itself without a secret'],
  not_invitable: [409, 'The person has a password already, or is locked'],
  no_password: [409, 'The person has no password yet: invite them'],
  deletion_pending: [409, 'The account is deleted and waits to be erased: restore it first'],
  in_flight: [409, 'A request with this Idempotency-Key is being worked on'],
  proof_expired: [410, 'The code or the link was used, has expired, or was tried too often'],
  stale: [412, 'It was changed by somebody else meanwhile: read it again'],
  too_large: [413, 'The body is too large'],
  unsupported_media_type: [415, 'The body must be application/json'],
  invalid_input: [422, 'The body holds what cannot be accepted'],
  key_reused: [422, 'The Idempotency-Key was used for another request'],
  version_required: [428, 'If-Match is needed: send the ETag of what you read'],
  throttled: [429, 'Too many requests'],
  internal_error: [500, 'Something went wrong here'],
  busy: [503, 'Too much is going on: try again soon'],
  unavailable: [503, 'Something this needs is away: try again soon'],
} as const satisfies Record<string, readonly [status: number, title: string]>

export type ProblemCode = keyof typeof PROBLEMS

/** What is wrong with one member of the body or of the address. */
export interface FieldError {
  /** as in RFC 6901, `/profile/name` */
  pointer: string
  code: string
  detail?: string | undefined
}

export class ApiProblem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly errors: readonly FieldError[]
  readonly headers: Readonly<Record<string, string>>
  /** extension members of its own (RFC 9457 3.2) */
  readonly members: Readonly<Record<string, string>>

  constructor(
    code: ProblemCode,
    options: {
      detail?: string
      errors?: readonly FieldError[]
      headers?: Record<string, string>
      members?: Record<string, string>
      cause?: unknown
    } = {},
  ) {
    super(options.detail ?? PROBLEMS[code][1], { cause: options.cause })
    this.name = 'ApiProblem'
    this.code = code
    this.status = PROBLEMS[code][0]
    this.errors = options.errors ?? []
    this.headers = options.headers ?? {}
    this.members = options.members ?? {}
  }
}

/** RFC 9457 3; `code`, `errors` and `request_id` are extension members. */
export function problemDocument(problem: ApiProblem, requestId: string) {
  const [status, title] = PROBLEMS[problem.code]
  return {
    type: `urn:ostiary:problem:${problem.code}`,
    title,
    status,
    ...(problem.message === title ? {} : { detail: problem.message }),
    code: problem.code,
    ...(problem.errors.length > 0 ? { errors: problem.errors } : {}),
    ...problem.members,
    request_id: requestId,
  }
}
