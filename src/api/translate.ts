/** Whatever was thrown becomes a problem document: a code, a status, a way on; never an internal. */
import type { DomainErrorCode } from '../domain/errors.ts'
import { DomainError, InvalidInput } from '../domain/errors.ts'
import type { TokenFault, TokenRefused } from '../domain/permissions/bearer.ts'
import { ApiProblem, type ProblemCode } from './problem.ts'

const RETRY_AFTER_SECONDS = 5

/** Codes that mean the same on both sides; all others have no business here and are faults of ours. */
const SAME = new Set<DomainErrorCode & ProblemCode>([
  'not_found',
  'email_taken',
  'username_taken',
  'client_taken',
  'last_owner',
  'no_secret',
  'deletion_pending',
  'not_invitable',
  'no_password',
  'stale',
  'proof_invalid',
  'proof_expired',
  'auth_session_invalid',
  'refresh_token_invalid',
  'invalid_credentials',
  'forbidden',
  'role_taken',
  'role_in_use',
  'built_in_role',
  'no_sign_in',
  'declared',
])

/** @param isUnavailable tells a store that is away from a fault of ours */
export function toProblem(error: unknown, isUnavailable: (error: unknown) => boolean): ApiProblem {
  if (error instanceof ApiProblem) return error
  if (error instanceof InvalidInput) {
    const errors = Object.entries(error.fields).map(([field, { code, params }]) => ({
      pointer: `/${field}`,
      code,
      ...(params ? { detail: Object.values(params).join(' ') } : {}),
    }))
    return new ApiProblem('invalid_input', { errors })
  }
  if (error instanceof DomainError) {
    const { code, retryAfterSeconds } = error
    const headers = { 'Retry-After': String(retryAfterSeconds ?? RETRY_AFTER_SECONDS) }
    if (code === 'throttled' || code === 'busy' || code === 'unavailable')
      return new ApiProblem(code, { headers, cause: error })
    if (code === 'invalid_input')
      return new ApiProblem('invalid_input', { detail: error.message, cause: error })
    // Used is over, too: who asks twice learns no more than who asks late.
    if (code === 'proof_used') return new ApiProblem('proof_expired', { cause: error })
    if (isSame(code))
      return new ApiProblem(code, {
        cause: error,
        ...(error.message === code ? {} : { detail: error.message }),
      })
  }
  if (isUnavailable(error) || (error as Error).name === 'Unavailable')
    return new ApiProblem('unavailable', {
      headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
      cause: error,
    })
  return new ApiProblem('internal_error', { cause: error })
}

function isSame(code: DomainErrorCode): code is DomainErrorCode & ProblemCode {
  return (SAME as Set<string>).has(code)
}

/** RFC 6750 3, RFC 9449 7.1: what went wrong, and where to learn how to do it right (RFC 9728 5.1). */
export function challenge(
  metadataUrl: string,
  refused: { error?: 'invalid_token' | 'invalid_dpop_proof' | 'insufficient_scope'; scope?: string },
): Record<string, string> {
  const parameters = [
    ...Object.entries(refused).map(([name, value]) => `${name}="${value}"`),
    `resource_metadata="${metadataUrl}"`,
  ].join(', ')
  return { 'WWW-Authenticate': `Bearer ${parameters}, DPoP ${parameters}` }
}

export function refusedToken({ fault, message }: TokenRefused, metadataUrl: string): ApiProblem {
  const error: Record<TokenFault, Parameters<typeof challenge>[1]> = {
    token_missing: {},
    invalid_token: { error: 'invalid_token' },
    invalid_dpop_proof: { error: 'invalid_dpop_proof' },
  }
  return new ApiProblem(fault, { detail: message, headers: challenge(metadataUrl, error[fault]) })
}
