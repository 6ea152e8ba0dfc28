/** The sign-in of an app that holds the password, as the API offers it: tokens, or what is missing for them. */
import type { RequestFacts } from '../audit/events.ts'

/** Tokens of the built-in client for our own API. */
export interface Issued {
  accessToken: string
  /** seconds */
  expiresIn: number
  refreshToken: string
  scope: string
}

export type AppSignInOutcome =
  | { issued: Issued }
  /** a code was sent by mail; `authSession` is good for one request. `wrong`: what was wrong with the code that came */
  | { next: 'verification_code'; authSession: string; wrong?: string }
  /** something is left that only a page can ask */
  | { next: 'web' }

export interface AppSignIn {
  /** @throws `invalid_credentials` whatever was wrong, `throttled`, `busy`, `unavailable` */
  begin(identifier: string, password: string, facts: RequestFacts): Promise<AppSignInOutcome>
  /**
   * @param code of the mail; undefined: asks where things stand, for the person may have opened the link instead
   * @throws `auth_session_invalid`, `throttled`, `busy`, `unavailable`
   */
  goOn(
    authSession: string,
    step: { code?: string | undefined; resend?: boolean | undefined },
    facts: RequestFacts,
  ): Promise<AppSignInOutcome>
  /** @throws `refresh_token_invalid`, `unavailable` */
  refresh(refreshToken: string, facts: RequestFacts): Promise<Issued>
}
