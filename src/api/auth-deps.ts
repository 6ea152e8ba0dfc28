/** What the sign-in by the API stands on: the services of the pages, and nothing of its own. */
import type { EmailVerification } from '../domain/email/verification.ts'
import type { PasswordChange } from '../domain/passwords/change.ts'
import type { PasswordReset } from '../domain/passwords/reset.ts'
import type { RegistrationByApp } from '../domain/registration/by-app.ts'
import type { AppSignIn } from '../domain/sign-in/by-app.ts'

export interface AuthServices {
  signIn: AppSignIn
  registration: RegistrationByApp
  verification: Pick<EmailVerification, 'redeemCodeOf' | 'redeemLink' | 'inspectLink' | 'sendAgain'>
  reset: Pick<PasswordReset, 'request' | 'reset'>
  change: PasswordChange
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
}
