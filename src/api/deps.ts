/** What the routes may use: one service method each, and reading. Handed in by the composition root. */
import type { Access } from '../domain/access/service.ts'
import type { ClientAdministration } from '../domain/clients/administration.ts'
import type { IdempotencyStore } from '../domain/idempotency.ts'
import type { ApplicationRoles } from '../domain/permissions/application-roles.ts'
import type { ReadBearer } from '../domain/permissions/bearer.ts'
import type { Permission } from '../domain/permissions/permissions.ts'
import type { Roles } from '../domain/permissions/roles.ts'
import type { Repositories } from '../domain/ports.ts'
import type { Throttle } from '../domain/protection/throttle.ts'
import type { UserAdministration } from '../domain/users/administration.ts'
import type { AccountExport } from '../domain/users/export.ts'
import type { Logger } from '../lib/log.ts'
import type { AuthServices } from './auth-deps.ts'
import type { ExplainedFailure } from './routes/failures.ts'

/** Cursors: whoever holds one can neither read nor change it. */
export interface Sealer {
  seal(place: string, plaintext: string): Buffer
  open(place: string, sealed: Buffer): string
}

export interface ApiServices {
  users: UserAdministration
  clients: ClientAdministration
  access: Access
  auth: AuthServices
  export: AccountExport
  roles: Roles
  applicationRoles: ApplicationRoles
  /** what a person may at this moment */
  permissionsOf: (userId: string) => Promise<ReadonlySet<Permission>>
  /** reading only */
  directory: Pick<Repositories, 'people' | 'applications' | 'trail'> & {
    access: Pick<Repositories['access'], 'openSessions'>
  }
  sealer: Sealer
  system: () => Promise<SystemReport>
  /** by code or request id; undefined: there is none, or no longer */
  explain: (code: string) => Promise<ExplainedFailure | undefined>
}

export interface SystemReport {
  version: string
  node: string
  mode: 'evaluation' | 'production'
  uptimeSeconds: number
  memory: { rssBytes: number; heapUsedBytes: number }
  cpu: { userSeconds: number; systemSeconds: number }
  eventLoop: { utilization: number }
  dependencies: Record<string, { state: string }>
  mail: { waiting: number; dead: number }
}

export interface ApiDeps {
  issuer: string
  services: ApiServices
  readBearer: ReadBearer
  idempotency: IdempotencyStore
  throttle: Throttle
  corsOrigins: readonly string[]
  isUnavailable: (error: unknown) => boolean
  log: Logger
}
