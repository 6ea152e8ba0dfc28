/** What the pages may use. Handed in by `app.ts`; a handler takes the few it needs. */

import type { ApprovalAnswers } from '../domain/approvals/answer.ts'
import type { Approvals } from '../domain/approvals/approvals.ts'
import type { EmailVerification } from '../domain/email/verification.ts'
import type { PasswordPolicy } from '../domain/passwords/policy.ts'
import type { PasswordReset } from '../domain/passwords/reset.ts'
import type { Clock, Database } from '../domain/ports.ts'
import type { Throttle } from '../domain/protection/throttle.ts'
import type { Registration } from '../domain/registration/service.ts'
import type { Setup } from '../domain/setup/service.ts'
import type { ProgressStore } from '../domain/sign-in/progress.ts'
import type { SignIn } from '../domain/sign-in/service.ts'
import type { Logger } from '../lib/log.ts'
import type { Engine } from '../oidc/engine.ts'
import type { KnownResources } from '../oidc/known-resources.ts'
import type { Browser } from './browser.ts'
import type { Pages } from './pages.ts'

export interface Services {
  signIn: SignIn
  registration: Registration
  verification: EmailVerification
  reset: PasswordReset
  setup: Setup
  progress: ProgressStore
  throttle: Throttle
  approvals: Approvals
}

export interface HttpDeps {
  engine: Engine
  services: Services
  database: Database
  /** APIs by audience, our own among them */
  resources: Pick<KnownResources, 'find'>
  pages: Pages
  browser: Browser
  clock: Clock
  log: Logger
  passwordPolicy: PasswordPolicy
  approvalAnswers: ApprovalAnswers
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
  /** evaluation mode: where the mail can be read */
  mailboxUrl: string | undefined
}
