/** Every backend a store can run on, each with a way to a clean instance of its own. `BACKENDS=` narrows the list. */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { Keyring } from '../../src/crypto/keyring.ts'
import type { Database, Ephemeral } from '../../src/domain/ports.ts'
import { MemoryEphemeral } from '../../src/storage/memory/ephemeral.ts'
import { openRedis } from '../../src/storage/redis/open.ts'
import { SqlArtifactStore } from '../../src/storage/sql/artifact-store.ts'
import { Committer } from '../../src/storage/sql/committer.ts'
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import type { SqlConnection } from '../../src/storage/sql/connection.ts'
import { sqlDatabase } from '../../src/storage/sql/database.ts'
import { SqlEphemeral } from '../../src/storage/sql/ephemeral.ts'
import { Loader } from '../../src/storage/sql/loader.ts'
import { type Mailbox, SqlMailbox } from '../../src/storage/sql/mailbox.ts'
import { migrateUp } from '../../src/storage/sql/migrate.ts'
import { Units } from '../../src/storage/sql/unit.ts'

import { migratedImage } from './pglite-image.ts'
import { type RedisSet, startRedisCluster, startSentinels } from './redis-cluster.ts'

export interface Backend<Instance> {
  name: string
  fresh(): Promise<Instance & { dispose(): Promise<void> }>
}

export interface SqlInstance {
  connection: SqlConnection
  atRest: Keyring
  database: Database
  units: Units
  artifacts: SqlArtifactStore
  ephemeral: SqlEphemeral
  mailbox: Mailbox
}

export interface EphemeralInstance {
  ephemeral: Ephemeral
}

/** A deployment's secret, for stores of one test. */
export function newKeyring(): Keyring {
  return new Keyring(randomBytes(32))
}

/** The stores over a connection, as `choose.ts` composes them, with the connection in reach of the test. */
export function storesOn(connection: SqlConnection, atRest = newKeyring()): SqlInstance {
  const loader = new Loader(connection)
  const units = new Units(new Committer(connection))
  return {
    connection,
    atRest,
    units,
    database: sqlDatabase(connection, atRest),
    artifacts: new SqlArtifactStore({ connection, atRest, loader, units }),
    ephemeral: new SqlEphemeral(connection, atRest),
    mailbox: new SqlMailbox(connection.knex),
  }
}

const IN_MEMORY = 'pglite (memory)'
const ON_POSTGRES = 'postgres'

/** Unmigrated connections: what a deployment finds on its first start. */
export const emptySqlBackends: Backend<{ connection: SqlConnection }>[] = [
  {
    name: IN_MEMORY,
    async fresh() {
      const connection = await connectPglite({})
      return { connection, dispose: () => connection.close() }
    },
  },
  {
    name: 'pglite (disk)',
    async fresh() {
      const dataDir = await mkdtemp(join(tmpdir(), 'ostiary-pglite-'))
      const connection = await connectPglite({ dataDir })
      return {
        connection,
        async dispose() {
          await connection.close()
          await rm(dataDir, { recursive: true, force: true })
        },
      }
    },
  },
  { name: ON_POSTGRES, fresh: async () => onPostgres(await newPostgresDatabase()) },
]

function onPostgres({ url, drop }: TestDatabase) {
  const connection = connectPostgres({ url, poolSize: 8, onError: () => {} })
  return {
    connection,
    async dispose() {
      await connection.close()
      await drop()
    },
  }
}

/** Migrated stores on every SQL engine. */
export const sqlBackends: Backend<SqlInstance>[] = emptySqlBackends.map(({ name, fresh }) => ({
  name,
  async fresh() {
    const copied = { [IN_MEMORY]: fromImage, [ON_POSTGRES]: fromTemplate }[name]
    const { connection, dispose } = await (copied ?? fresh)()
    await migrateUp(connection)
    return { ...storesOn(connection), dispose }
  },
}))

async function fromImage() {
  const connection = await connectPglite({ image: await migratedImage() })
  return { connection, dispose: () => connection.close() }
}

async function fromTemplate() {
  return onPostgres(await newMigratedDatabase())
}

export const ephemeralBackends: Backend<EphemeralInstance>[] = [
  ...sqlBackends,
  {
    name: 'redis',
    fresh: () => redisOverPostgres(required('TEST_REDIS_URL')),
  },
  {
    name: 'memory',
    fresh: async () => ({ ephemeral: new MemoryEphemeral(), dispose: async () => {} }),
  },
]

/** The two other forms of `REDIS_URL`, on servers of their own. */
export const redisSets: Backend<EphemeralInstance>[] = [
  { name: 'redis sentinel', fresh: () => onRedisSet(startSentinels) },
  { name: 'redis cluster', fresh: () => onRedisSet(startRedisCluster) },
]

/** Soft state as a deployment with Redis has it: Redis in front of Postgres. */
async function redisOverPostgres(url: string): Promise<EphemeralInstance & { dispose(): Promise<void> }> {
  const sql = await sqlBackends.find(({ name }) => name === 'postgres')!.fresh()
  const prefix = `test-${randomBytes(6).toString('hex')}:`
  const redis = await openRedis({ url, prefix, rows: sql.ephemeral, atRest: sql.atRest, onError: () => {} })
  return {
    ephemeral: redis.ephemeral,
    async dispose() {
      await redis.close()
      await sql.dispose()
    },
  }
}

async function onRedisSet(start: () => Promise<RedisSet>) {
  const set = await start()
  const instance = await redisOverPostgres(set.url)
  return {
    ...instance,
    async dispose() {
      await instance.dispose()
      await set.stop()
    },
  }
}

/** The backends to run on: all, or those whose name holds one of the words in `BACKENDS=pglite,redis`. */
export function selected<Instance>(backends: Backend<Instance>[]): Backend<Instance>[] {
  const words = process.env.BACKENDS?.split(',').filter(Boolean)
  return words?.length ? backends.filter(({ name }) => words.some((word) => name.includes(word))) : backends
}

export interface TestDatabase {
  url: string
  drop(): Promise<void>
}

/** A random database on the test cluster, empty or a copy of another one, and the way to get rid of it. */
export async function newPostgresDatabase(template = 'template1'): Promise<TestDatabase> {
  const cluster = required('TEST_POSTGRES_URL')
  const name = `ostiary_${randomBytes(6).toString('hex')}`
  await runOn(cluster, `create database ${name} template ${template}`)
  const url = new URL(cluster)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => runOn(cluster, `drop database ${name} with (force)`) }
}

let migrated: Promise<string> | undefined

/** With all migrations in it: copied from one that is made once in a run, which costs a fraction of making it anew. */
export async function newMigratedDatabase(): Promise<TestDatabase> {
  migrated ??= makeTemplate()
  return newPostgresDatabase(await migrated)
}

async function makeTemplate(): Promise<string> {
  const { url } = await newPostgresDatabase()
  const connection = connectPostgres({ url, poolSize: 2, onError: () => {} })
  await migrateUp(connection)
  await connection.close()
  return new URL(url).pathname.slice(1)
}

export function required(variable: 'TEST_POSTGRES_URL' | 'TEST_REDIS_URL'): string {
  const value = process.env[variable]
  if (!value)
    throw new Error(`${variable} is not set: run the tests with \`npm test\`, which starts the services`)
  return value
}

async function runOn(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
