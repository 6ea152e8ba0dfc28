/** A refusal at the edge: which page, which status. The words are in the catalogue. */
import type { ViewModels } from './view-models.ts'

export type ProblemCode =
  | 'not-found'
  | 'request-expired'
  | 'cookies-missing'
  | 'other-browser'
  | 'invalid-request'
  | 'unknown-client'
  | 'redirect-uri'
  | 'access-denied'
  | 'bad-form'
  | 'too-large'
  | 'bad-encoding'
  | 'throttled'
  | 'busy'
  | 'unavailable'
  | 'server-error'
  | 'wrong-host'
  | 'method-not-allowed'
  | 'link-invalid'
  | 'account-disabled'
  | 'setup-closed'

const STATUS: Record<ProblemCode, number> = {
  'not-found': 404,
  'request-expired': 400,
  'cookies-missing': 400,
  'other-browser': 400,
  'invalid-request': 400,
  'unknown-client': 400,
  'redirect-uri': 400,
  'access-denied': 403,
  'bad-form': 403,
  'too-large': 413,
  'bad-encoding': 400,
  throttled: 429,
  busy: 503,
  unavailable: 503,
  'server-error': 500,
  'wrong-host': 421,
  'method-not-allowed': 405,
  'link-invalid': 404,
  'account-disabled': 403,
  'setup-closed': 404,
}

type ErrorModel = ViewModels['error']

export class Problem extends Error {
  readonly code: ProblemCode
  readonly status: number
  readonly action: ErrorModel['action']
  readonly params: ErrorModel['params']
  readonly explanation: ErrorModel['explanation']
  readonly failureCode: ErrorModel['failureCode']
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ProblemCode,
    options: {
      status?: number
      action?: ErrorModel['action']
      params?: NonNullable<ErrorModel['params']>
      explanation?: ErrorModel['explanation']
      failureCode?: ErrorModel['failureCode']
      retryAfterSeconds?: number | undefined
      cause?: unknown
    } = {},
  ) {
    super(code, { cause: options.cause })
    this.name = 'Problem'
    this.code = code
    this.status = options.status ?? STATUS[code]
    this.action = options.action
    this.params = options.params
    this.explanation = options.explanation
    this.failureCode = options.failureCode
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}
