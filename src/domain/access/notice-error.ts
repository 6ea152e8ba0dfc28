/** Why an application could not be told that a session ended. The message holds no secret and is made to be shown. */
export type NoticeFailure =
  /** it may do later */
  | 'temporary'
  /** the application took it for wrong (OpenID Connect Back-Channel Logout 1.0, 2.8: 400) */
  | 'turned-down'
  /** no try will help: its address is none that may be called */
  | 'permanent'

export class NoticeError extends Error {
  readonly failure: NoticeFailure

  constructor(failure: NoticeFailure, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'NoticeError'
    this.failure = failure
  }
}
