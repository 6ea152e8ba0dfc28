/** Which stores this deployment runs on. The only place in the tree that asks which backend it is. */
import type { AnswerStore } from '../domain/approvals/answer.ts'
import type {
  AuditRepository,
  ClientRepository,
  Database,
  Ephemeral,
  RegisteredClients,
  ResourceServerRepository,
  UserRepository,
} from '../domain/ports.ts'
import type { AtRest, KeyRotationStore } from './at-rest.ts'
import type { Changes } from './changes.ts'
import { LocalNotices, type Notices } from './notices.ts'
import { type OpenRedis, openRedis, type RedisHealth } from './redis/open.ts'
import type { SoftValues } from './redis/values.ts'
import { SqlArtifactStore } from './sql/artifact-store.ts'
import { AuditPrivacy } from './sql/audit-privacy.ts'
import { Backups } from './sql/backup/backups.ts'
import { clientsById, resourceServersById, usersById } from './sql/by-id.ts'
import { SqlChanges } from './sql/changes.ts'
import { Committer } from './sql/committer.ts'
import { connectPostgres } from './sql/connect-postgres.ts'
import type { PoolLoad, SqlConnection } from './sql/connection.ts'
import { purgeExpiredRows, purgeUnusedClients, sqlDatabase } from './sql/database.ts'
import { SqlEphemeral } from './sql/ephemeral.ts'
import { inspectDatabase } from './sql/inspect.ts'
import { Loader } from './sql/loader.ts'
import { type Mailbox, SqlMailbox } from './sql/mailbox.ts'
import { migrateDown, migrateUp, migrationStatus } from './sql/migrate.ts'
import { PostgresNotices } from './sql/notices.ts'
import { SqlDataKeys } from './sql/repositories/data-keys.ts'
import { Units } from './sql/unit.ts'
import { UnitAnswers } from './sql/unit-answers.ts'
import { UnitAudit } from './sql/unit-audit.ts'
import { UnitClients } from './sql/unit-clients.ts'
import { type VitalHealth, vitalHealth } from './vital.ts'

export interface StorageOptions {
  database:
    | { kind: 'postgres'; url: string; poolSize: number }
    /** without a directory: in memory, begun with the image of one where that is given */
    | { kind: 'pglite'; dataDir?: string | undefined; image?: Blob | undefined }
  redisUrl?: string | undefined
  /** only for Redis servers shared with others */
  redisPrefix?: string | undefined
  atRest: AtRest
  /** told about faults of connections in the background, which are repaired there */
  onError: (error: Error) => void
}

export interface Storage {
  database: Database
  artifacts: SqlArtifactStore
  dataKeys: KeyRotationStore
  /** as the hot path reads them */
  byId: {
    users: Pick<UserRepository, 'find'>
    clients: Pick<ClientRepository, 'find'>
    resourceServers: Pick<ResourceServerRepository, 'find'>
  }
  changes: Changes
  units: Units
  registeredClients: RegisteredClients
  /** records that are written with what they tell of, and not without it */
  audit: AuditRepository
  /** answers to what apps asked elsewhere: each one write, outside the unit of a request */
  answers: AnswerStore
  ephemeral: Ephemeral
  /** "look again now", to every process */
  notices: Notices
  mailbox: Mailbox
  /** undefined: there is no Redis */
  addToStream: OpenRedis['addToStream'] | undefined
  migrate(): Promise<{ applied: string[] }>
  /** names of those that have run, and of those that would */
  migrations(): Promise<{ applied: string[]; pending: string[] }>
  /** Deletes up to `batchSize` expired rows of each table; returns how many went. */
  purge(batchSize: number): Promise<number>
  /** Removes up to `batchSize` clients that registered without a token and were unused for `days`; returns how many. */
  purgeUnusedClients(batchSize: number, days: number): Promise<number>
  health(): Promise<VitalHealth & { redis?: RedisHealth }>
  /** of what no request can do without; Redis is not of it */
  vitalHealth(): Promise<VitalHealth>
  /** for those who time and trace what happens here; nobody else */
  inside: { connection: SqlConnection; loader: Loader; committer: Committer; redis: SoftValues | undefined }
  /** connections to the database; undefined: it is inside this process */
  pool(): PoolLoad | undefined
  close(): Promise<void>
}

/** Opens everything; a server that is down now is used when it comes up. */
export async function chooseStorage(options: StorageOptions): Promise<Storage> {
  const { atRest, onError, redisUrl, redisPrefix } = options
  const connection = await connect(options)
  const loader = new Loader(connection)
  const committer = new Committer(connection)
  const units = new Units(committer)
  const users = usersById(loader, units)
  const artifacts = new SqlArtifactStore({
    connection,
    atRest,
    loader,
    units,
    foreseeAccount: (id) => users.foresee(id),
  })
  const softRows = new SqlEphemeral(connection, atRest)
  const redis =
    redisUrl === undefined
      ? undefined
      : await openRedis({ url: redisUrl, prefix: redisPrefix, rows: softRows, atRest, onError })
  const notices = redis?.notices ?? noticesOf(options, connection)
  const changes = new SqlChanges(loader)
  notices.subscribe((topic) => changes.expire(topic))
  const vital = () => vitalHealth(connection)
  const privacy = new AuditPrivacy(atRest)
  const audit = new UnitAudit(units, atRest, privacy)
  return {
    database: sqlDatabase(connection, atRest, privacy),
    artifacts,
    dataKeys: new SqlDataKeys(connection.knex, atRest),
    byId: { users, clients: clientsById(loader), resourceServers: resourceServersById(loader) },
    changes,
    units,
    registeredClients: new UnitClients(units),
    audit,
    answers: new UnitAnswers(units, artifacts, audit),
    ephemeral: redis?.ephemeral ?? softRows,
    notices,
    mailbox: new SqlMailbox(connection.knex),
    addToStream: redis?.addToStream,
    migrate: () => migrateUp(connection),
    migrations: () => migrationStatus(connection),
    async purge(batchSize) {
      const expired = await artifacts.purgeExpired(batchSize)
      return expired + (await softRows.purge(batchSize)) + (await purgeExpiredRows(connection, batchSize))
    },
    async purgeUnusedClients(batchSize, days) {
      const removed = await purgeUnusedClients(connection, batchSize, days)
      if (removed > 0) changes.expire('clients')
      return removed
    },
    async health() {
      if (!redis) return vital()
      const [ofVital, ofRedis] = await Promise.all([vital(), redis.health()])
      return { ...ofVital, redis: ofRedis }
    },
    vitalHealth: vital,
    inside: { connection, loader, committer, redis: redis?.values },
    pool: () => connection.pool(),
    async close() {
      await (redis ?? notices).close()
      await connection.close()
    },
  }
}

/** The database alone, for bringing its schema up or down by hand. */
export async function openMigrations(options: StorageOptions) {
  const connection = await connect(options)
  return {
    up: () => migrateUp(connection),
    down: () => migrateDown(connection),
    status: () => migrationStatus(connection),
    close: () => connection.close(),
  }
}

/** For whoever only looks: the schema stays as it is, whatever it is, and what is not there is not made. */
export async function openInspection(options: StorageOptions) {
  const connection = await connect(options, { looks: true })
  return {
    database: sqlDatabase(connection, options.atRest),
    dataKeys: new SqlDataKeys(connection.knex, options.atRest),
    inspect: () => inspectDatabase(connection),
    close: () => connection.close(),
  }
}

export type Inspection = Awaited<ReturnType<typeof openInspection>>

/** The database alone, to copy it whole and to make it anew. */
export async function openBackups(options: StorageOptions) {
  const connection = await connect(options)
  return {
    backups: new Backups(connection, options.atRest),
    dataKeys: new SqlDataKeys(connection.knex, options.atRest),
    migrations: () => migrationStatus(connection),
    close: () => connection.close(),
  }
}

function noticesOf({ database, onError }: StorageOptions, connection: SqlConnection): Notices {
  return database.kind === 'postgres'
    ? new PostgresNotices(connection, database.url, onError)
    : new LocalNotices()
}

async function connect(
  { database, onError }: StorageOptions,
  how: { looks?: boolean } = {},
): Promise<SqlConnection> {
  switch (database.kind) {
    case 'postgres':
      return connectPostgres({ url: database.url, poolSize: database.poolSize, onError })
    case 'pglite':
      // A Postgres inside the process is loaded only where it is the database.
      return (await import('./sql/connect-pglite.ts')).connectPglite(database, how)
  }
}
