/** Which stores this deployment runs on. The only place in the tree that asks which backend it is. */
import type { Database, Ephemeral } from '../domain/ports.ts'
import type { AtRest } from './at-rest.ts'
import { type Health, healthOf } from './health.ts'
import { connectRedis } from './redis/connect.ts'
import { RedisEphemeral } from './redis/ephemeral.ts'
import { SqlArtifactStore } from './sql/artifact-store.ts'
import { connectPglite } from './sql/connect-pglite.ts'
import { connectPostgres } from './sql/connect-postgres.ts'
import type { SqlConnection } from './sql/connection.ts'
import { purgeExpiredRows, sqlDatabase } from './sql/database.ts'
import { SqlEphemeral } from './sql/ephemeral.ts'
import { type Mailbox, SqlMailbox } from './sql/mailbox.ts'
import { migrateDown, migrateUp, migrationStatus } from './sql/migrate.ts'

export interface StorageOptions {
  database:
    | { kind: 'postgres'; url: string; poolSize: number }
    /** without a directory: in memory */
    | { kind: 'pglite'; dataDir?: string | undefined }
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
  ephemeral: Ephemeral
  mailbox: Mailbox
  migrate(): Promise<{ applied: string[] }>
  /** Deletes up to `batchSize` expired rows of each table; returns how many went. */
  purge(batchSize: number): Promise<number>
  health(): Promise<{ database: Health; redis?: Health }>
  close(): Promise<void>
}

/** Opens everything; a server that is down now is used when it comes up. */
export async function chooseStorage(options: StorageOptions): Promise<Storage> {
  const { atRest, onError, redisUrl, redisPrefix } = options
  const connection = await connect(options)
  const redis = redisUrl === undefined ? undefined : await connectRedis({ url: redisUrl, onError })
  const artifacts = new SqlArtifactStore(connection, atRest)
  const softRows = new SqlEphemeral(connection)
  return {
    database: sqlDatabase(connection, atRest),
    artifacts,
    ephemeral: redis ? new RedisEphemeral(redis, redisPrefix) : softRows,
    mailbox: new SqlMailbox(connection.knex),
    migrate: () => migrateUp(connection),
    async purge(batchSize) {
      const expired = await artifacts.purgeExpired(batchSize)
      return expired + (await softRows.purge(batchSize)) + (await purgeExpiredRows(connection, batchSize))
    },
    async health() {
      const database = healthOf(() => connection.query({ name: 'health', text: 'select 1', values: [] }))
      return redis
        ? { database: await database, redis: await healthOf(() => redis.ping()) }
        : { database: await database }
    },
    async close() {
      redis?.disconnect()
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

async function connect({ database, onError }: StorageOptions): Promise<SqlConnection> {
  switch (database.kind) {
    case 'postgres':
      return connectPostgres({ url: database.url, poolSize: database.poolSize, onError })
    case 'pglite':
      return connectPglite({ dataDir: database.dataDir })
  }
}
