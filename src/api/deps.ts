/** What the routes may use: one service method each, and reading. Handed in by the composition root. */
import type { Access, Actor } from '../domain/access/service.ts'
import type { ExportOptions } from '../domain/audit/export.ts'
import type { Head, Verdict } from '../domain/audit/ledger.ts'
import type { ClientAdministration } from '../domain/clients/administration.ts'
import type { Client } from '../domain/clients/client.ts'
import type { InitialAccessTokens } from '../domain/clients/initial-access-tokens.ts'
import type { TestRequest } from '../domain/clients/test-url.ts'
import type { IdempotencyStore } from '../domain/idempotency.ts'
import type { SigningKeys } from '../domain/keys/service.ts'
import type { DeadLetters } from '../domain/operations/dead-letters.ts'
import type { ApplicationRoles } from '../domain/permissions/application-roles.ts'
import type { ReadBearer } from '../domain/permissions/bearer.ts'
import type { Permission } from '../domain/permissions/permissions.ts'
import type { Roles } from '../domain/permissions/roles.ts'
import type { Repositories } from '../domain/ports.ts'
import type { Throttle } from '../domain/protection/throttle.ts'
import type { ResourceServers } from '../domain/resources/service.ts'
import type { UserAdministration } from '../domain/users/administration.ts'
import type { UserDeletion } from '../domain/users/deletion.ts'
import type { AccountExport } from '../domain/users/export.ts'
import type { PasswordLinks } from '../domain/users/password-links.ts'
import type { UserImport } from '../domain/users/transfer/import.ts'
import type { WebhookAdministration } from '../domain/webhooks/administration.ts'
import type { WebhookRepository } from '../domain/webhooks/ports.ts'
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
  userImport: UserImport
  exportUsers: (by: Actor) => AsyncIterable<string>
  clients: ClientAdministration
  access: Access
  deletion: UserDeletion
  passwordLinks: PasswordLinks
  auth: AuthServices
  export: AccountExport
  roles: Roles
  applicationRoles: ApplicationRoles
  resourceServers: ResourceServers
  initialAccessTokens: InitialAccessTokens
  signingKeys: SigningKeys
  deadLetters: DeadLetters
  testRequest: (client: Client) => TestRequest
  settings: SettingsReport
  /** what a person may at this moment */
  permissionsOf: (userId: string) => Promise<ReadonlySet<Permission>>
  /** reading only */
  directory: Pick<Repositories, 'people' | 'applications' | 'trail' | 'accessDirectory' | 'usage'> & {
    access: Pick<Repositories['access'], 'openSessions'>
    clients: Pick<Repositories['clients'], 'secrets'>
    resourceServers: Pick<Repositories['resourceServers'], 'find' | 'list' | 'version'>
    signingKeys: Pick<Repositories['signingKeys'], 'list'>
  }
  webhooks: Pick<WebhookRepository, 'list' | 'find' | 'deliveries'> & {
    administration: WebhookAdministration
  }
  audit: {
    export(options: ExportOptions, actor: Actor): Promise<AsyncIterable<string>>
    verify(since: Head | undefined): Promise<Verdict>
  }
  sealer: Sealer
  now: () => Date
  system: () => Promise<SystemReport>
  /** by code or request id; undefined: there is none, or no longer */
  explain: (code: string) => Promise<ExplainedFailure | undefined>
}

export interface SettingsReport {
  items: readonly {
    name: string
    value: string | null
    secret: boolean
    source: 'environment' | 'secret_file' | 'file' | 'default'
  }[]
  /** what was decided from them; holds no secret */
  effective: Record<string, unknown>
}

export interface SystemReport {
  version: string
  node: string
  mode: 'evaluation' | 'production'
  uptimeSeconds: number
  /** of the protocol engine */
  engine: string
  memory: {
    rssBytes: number
    heapUsedBytes: number
    heapTotalBytes: number
    externalBytes: number
    machineTotalBytes: number
    machineFreeBytes: number
  }
  /** load: of the machine, over a minute */
  cpu: { userSeconds: number; systemSeconds: number; cores: number; load: number }
  eventLoop: { utilization: number; lagMs: number }
  migrations: { applied: string[]; pending: string[] }
  /** to a database server */
  connections: { open: number; idle: number; waiting: number } | undefined
  dependencies: Record<string, { state: string; latencyMs: number; breaker?: string }>
  mail: { waiting: number; dead: number }
  /** by kind of work */
  outbox: Record<string, { waiting: number; dead: number; lagSeconds: number }>
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
