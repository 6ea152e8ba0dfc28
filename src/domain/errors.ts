/** A refusal by a rule. The code is stable; the edge chooses status and words; causes only reach the log. */
export type DomainErrorCode =
  | 'email_taken'
  | 'username_taken'
  | 'invalid_credentials'
  | 'throttled'
  | 'busy'
  | 'unavailable'
  | 'proof_invalid'
  | 'proof_expired'
  | 'proof_used'
  | 'invalid_input'
  | 'not_found'
  | 'client_taken'
  | 'last_owner'
  | 'stale'
  | 'no_secret'
  | 'deletion_pending'
  | 'not_invitable'
  | 'no_password'
  | 'auth_session_invalid'
  | 'refresh_token_invalid'
  | 'forbidden'
  | 'role_taken'
  | 'role_in_use'
  | 'built_in_role'
  | 'no_sign_in'
  | 'declared'

export class DomainError extends Error {
  readonly code: DomainErrorCode
  /** seconds to wait before trying again, where that helps */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: DomainErrorCode,
    options: { cause?: unknown; retryAfterSeconds?: number; detail?: string } = {},
  ) {
    super(options.detail ?? code, { cause: options.cause })
    this.name = 'DomainError'
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

export function isDomainError(error: unknown, code?: DomainErrorCode): error is DomainError {
  return error instanceof DomainError && (code === undefined || error.code === code)
}

/** Message code by field, for the form the person filled in. `form` names the whole form. */
export type FieldProblems = Record<string, { code: string; params?: Record<string, string | number> }>

/** What was typed cannot be accepted; every fault at once. */
export class InvalidInput extends DomainError {
  readonly fields: FieldProblems

  constructor(fields: FieldProblems) {
    super('invalid_input', { detail: `invalid: ${Object.keys(fields).join(', ')}` })
    this.name = 'InvalidInput'
    this.fields = fields
  }
}
