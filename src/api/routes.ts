/** Every operation of the API. */
import type { Route } from './route.ts'
import { accessRoutes } from './routes/access.ts'
import { applicationRoutes } from './routes/applications.ts'
import { auditRoutes } from './routes/audit.ts'
import { authRoutes } from './routes/auth.ts'
import { authAccountRoutes } from './routes/auth-account.ts'
import { deadLetterRoutes } from './routes/dead-letters.ts'
import { exportRoutes } from './routes/export.ts'
import { failureRoutes } from './routes/failures.ts'
import { insightRoutes } from './routes/insight.ts'
import { keyRoutes } from './routes/keys.ts'
import { meRoutes } from './routes/me.ts'
import { operationRoutes } from './routes/operations.ts'
import { peopleRoutes } from './routes/people.ts'
import { registrationTokenRoutes } from './routes/registration-tokens.ts'
import { resourceRoutes } from './routes/resources.ts'
import { roleRoutes } from './routes/roles.ts'
import { userTransferRoutes } from './routes/user-transfer.ts'
import { webhookRoutes } from './routes/webhooks.ts'

export const ROUTES: readonly Route[] = [
  ...meRoutes,
  ...peopleRoutes,
  ...userTransferRoutes,
  ...accessRoutes,
  ...applicationRoutes,
  ...operationRoutes,
  ...auditRoutes,
  ...webhookRoutes,
  ...failureRoutes,
  ...authRoutes,
  ...authAccountRoutes,
  ...exportRoutes,
  ...roleRoutes,
  ...resourceRoutes,
  ...registrationTokenRoutes,
  ...keyRoutes,
  ...deadLetterRoutes,
  ...insightRoutes,
]

/** Without the sign-in by the API, where it is switched off (`AUTH_API`). */
export const routesWith = ({ auth }: { auth: boolean }): readonly Route[] =>
  auth ? ROUTES : ROUTES.filter((route) => !authRoutes.includes(route) && !authAccountRoutes.includes(route))
