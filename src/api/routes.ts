/** Every operation of the API. */
import type { Route } from './route.ts'
import { accessRoutes } from './routes/access.ts'
import { applicationRoutes } from './routes/applications.ts'
import { failureRoutes } from './routes/failures.ts'
import { meRoutes } from './routes/me.ts'
import { operationRoutes } from './routes/operations.ts'
import { peopleRoutes } from './routes/people.ts'
import { userTransferRoutes } from './routes/user-transfer.ts'

export const ROUTES: readonly Route[] = [
  ...meRoutes,
  ...peopleRoutes,
  ...userTransferRoutes,
  ...accessRoutes,
  ...applicationRoutes,
  ...operationRoutes,
  ...failureRoutes,
]
