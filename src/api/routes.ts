/** Every operation of the API. */
import type { Route } from './route.ts'
import { accessRoutes } from './routes/access.ts'
import { applicationRoutes } from './routes/applications.ts'
import { authRoutes } from './routes/auth.ts'
import { authAccountRoutes } from './routes/auth-account.ts'
import { exportRoutes } from './routes/export.ts'
import { failureRoutes } from './routes/failures.ts'
import { meRoutes } from './routes/me.ts'
import { operationRoutes } from './routes/operations.ts'
import { peopleRoutes } from './routes/people.ts'
import { roleRoutes } from './routes/roles.ts'

export const ROUTES: readonly Route[] = [
  ...meRoutes,
  ...peopleRoutes,
  ...accessRoutes,
  ...applicationRoutes,
  ...operationRoutes,
  ...failureRoutes,
  ...authRoutes,
  ...authAccountRoutes,
  ...exportRoutes,
  ...roleRoutes,
]

/** Without the sign-in by the API, where it is switched off (`AUTH_API`). */
export const routesWith = ({ auth }: { auth: boolean }): readonly Route[] =>
  auth ? ROUTES : ROUTES.filter((route) => !authRoutes.includes(route) && !authAccountRoutes.includes(route))
