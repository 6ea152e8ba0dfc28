/** Why nothing came of a request. The message holds no secret and may be logged; it is not for those who caused it. */
export type OutboundFailure =
  /** by us: the address, the scheme, the spelling */
  | 'refused'
  /** the host failed too often; not tried */
  | 'paused'
  /** no answer: not found, not reached, not trusted, broken off */
  | 'unreachable'
  | 'too-slow'
  | 'too-large'
  /** the caller's signal */
  | 'given-up'

export class OutboundError extends Error {
  readonly failure: OutboundFailure

  constructor(failure: OutboundFailure, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'OutboundError'
    this.failure = failure
  }
}
