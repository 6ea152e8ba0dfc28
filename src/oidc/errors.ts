/** Errors of ours that the engine passes on as its own. */
import { errors } from 'oidc-provider'

/** Asked too often: 429, with Retry-After set by whoever throws it. */
export class TooMany extends errors.OIDCProviderError {
  constructor(description: string) {
    super(429, 'temporarily_unavailable')
    this.expose = true
    this.error_description = description
  }
}

/** The store is away: RFC 6749 4.1.2.1 `temporarily_unavailable`, 503 with Retry-After outside redirects. */
export class Unavailable extends errors.OIDCProviderError {
  constructor(cause: unknown) {
    super(503, 'temporarily_unavailable')
    this.expose = true
    this.cause = cause
    this.error_description = 'the service is temporarily unavailable; try again in a moment'
  }
}
