/** Every operation of the API. */
import type { Route } from './route.ts'
import { accessRoutes } from './routes/access.ts'
import { applicationRoutes } from './routes/applications.ts'
import { failureRoutes } from './routes/failures.ts'
import { keyRoutes } from './routes/keys.ts'
import { meRoutes } from './routes/me.ts'
import { operationRoutes } from './routes/operations.ts'
import { peopleRoutes } from './routes/people.ts'
import { registrationTokenRoutes } from './routes/registration-tokens.ts'
import { resourceRoutes } from './routes/resources.ts'
import { roleRoutes } from './routes/roles.ts'

export const ROUTES: readonly Route[] = [
  ...meRoutes,
  ...peopleRoutes,
  ...accessRoutes,
  ...applicationRoutes,
  ...operationRoutes,
  ...failureRoutes,
  ...roleRoutes,
  ...resourceRoutes,
  ...registrationTokenRoutes,
  ...keyRoutes,
]
