/**
 * Postgres through `pg`: a few lanes of the hot path's own, one pool for prepared statements, a small one for knex.
 * Whatever waits, waits a bounded time: a database that is slow or gone is answered with an error, not with a queue.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import knexModule, { type Knex } from 'knex'
import pg from 'pg'
import { parseInt8, quietKnex, type Result, type SqlConnection, type Statement } from './connection.ts'
import { assertWritable, Connections } from './connections.ts'
import { Lane } from './lane.ts'

const STATEMENT_TIMEOUT_MS = 5_000
const LOCK_TIMEOUT_MS = 2_000
/** Two of each keep one core busy; more only make what is sent together smaller. */
const READ_LANES = 2
const COMMIT_LANES = 2
/** A look-up by key takes far less than a millisecond; a commit, what the disk takes. */
const HOT_STATEMENT_TIMEOUT_MS = 2_000
const HOT_LOCK_TIMEOUT_MS = 1_000
/** Every hot statement looks up rows by key: no plan made while a table was small may scan it when it has grown. */
const BY_KEY_ONLY =
  '-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off -c plan_cache_mode=force_generic_plan'
/** a stop waits this long for statements in flight, and as long for connections to end */
const CLOSE_TIMEOUT_MS = 6000
const CONNECT_TIMEOUT_MS = 3_000
/** A transaction that waits this long for its own process has lost it. */
const IDLE_IN_TRANSACTION_TIMEOUT_MS = 15_000
/** The server stops a statement first; this is for a network that swallows the answer. */
const ANSWER_TIMEOUT_MS = STATEMENT_TIMEOUT_MS + 3_000
const HOT_ANSWER_TIMEOUT_MS = HOT_STATEMENT_TIMEOUT_MS + 1_000
/** "ostiary" as a number: the advisory lock migrations run under. */
const MIGRATION_LOCK = 0x6f737469
/** DDL queues everybody behind it while it waits for a table. */
const MIGRATION_LOCK_TIMEOUT_MS = 10_000
const MIGRATION_WAIT_MS = 300_000

export interface PostgresOptions {
  url: string
  /** connections for prepared statements; knex takes up to half as many beside them */
  poolSize: number
  /** told about idle connections that broke; the pool replaces them by itself */
  onError: (error: Error) => void
}

/** So many a process takes at most, with the one that listens. */
export function mostConnections(poolSize: number): number {
  return poolSize + knexPoolSize(poolSize) + READ_LANES + COMMIT_LANES + 1
}

const knexPoolSize = (poolSize: number) => Math.max(2, Math.ceil(poolSize / 2))

/** Opens pools; connects when first used, so a database that is down now may come up later. */
export function connectPostgres(options: PostgresOptions): SqlConnection {
  const connections = new Connections()
  const pool = openPool(options, options.poolSize, connections)
  // A pool of its own: a transaction that waits for an artifact can then never wait for itself.
  const knexPool = openPool(options, knexPoolSize(options.poolSize), connections)
  const knex = knexModule({ client: 'pg', connectionPool: knexPool, ...quietKnex } as Knex.Config)
  const readers = lanes(READ_LANES, hotOptions(options), connections)
  const committers = lanes(COMMIT_LANES, hotOptions(options), connections)
  return {
    kind: 'postgres',
    knex,
    async query<Row>(statement: Statement): Promise<Result<Row>> {
      const { rows, rowCount } = await pool.query(statement)
      return { rows, rowCount: rowCount ?? 0 }
    },
    read: (statement) => leastBusy(readers).run(statement),
    commit: (statement) => leastBusy(committers).run(statement),
    readLanes: READ_LANES,
    commitLanes: COMMIT_LANES,
    exclusively: (work) => alone(options.url, LOCKED, work),
    apart: (work) => alone(options.url, 'select 1', work),
    pool: () => ({
      open: pool.totalCount + knexPool.totalCount,
      idle: pool.idleCount + knexPool.idleCount,
      waiting: pool.waitingCount + knexPool.waitingCount,
    }),
    async close() {
      await Promise.all([...readers, ...committers].map((lane) => lane.close()))
      // A statement still on its way must give its connection back before knex lets go of the pool: it would be lent
      // out for ever, and the pool would wait for it.
      await untilIdle([pool, knexPool])
      await knex.destroy()
      await Promise.race([
        Promise.all([pool.end(), knexPool.end()]),
        sleep(CLOSE_TIMEOUT_MS, undefined, { ref: false }),
      ])
    },
  }
}

function lanes(count: number, options: pg.ClientConfig, connections: Connections): Lane[] {
  return Array.from({ length: count }, () => new Lane(options, connections, HOT_ANSWER_TIMEOUT_MS))
}

function leastBusy(among: Lane[]): Lane {
  return among.reduce((best, lane) => (lane.busy < best.busy ? lane : best))
}

function hotOptions({ url }: PostgresOptions): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: 'ostiary',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    statement_timeout: HOT_STATEMENT_TIMEOUT_MS,
    lock_timeout: HOT_LOCK_TIMEOUT_MS,
    options: BY_KEY_ONLY,
    types,
  }
}

const types = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    return oid === pg.types.builtins.INT8 ? parseInt8 : pg.types.getTypeParser(oid, format)
  },
} as pg.CustomTypesConfig

async function untilIdle(pools: pg.Pool[]): Promise<void> {
  const deadline = performance.now() + CLOSE_TIMEOUT_MS
  const busy = () => pools.some((pool) => pool.totalCount > pool.idleCount || pool.waitingCount > 0)
  while (busy() && performance.now() < deadline) await sleep(20)
}

function openPool({ url, onError }: PostgresOptions, max: number, connections: Connections): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: 'ostiary',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_TIMEOUT_MS,
    types,
    verify: (client: pg.PoolClient, verified: (error?: Error) => void) =>
      assertWritable(client).then(() => verified(), verified),
  } as pg.PoolConfig)
  pool.on('error', onError)
  // While a connection is lent out the pool does not listen to it, and an 'error' nobody hears ends the process.
  // Whoever borrowed it learns of the break from the query that failed.
  pool.on('connect', (client) => {
    client.on('error', () => {})
    connections.add(client, ANSWER_TIMEOUT_MS)
  })
  return pool
}

/**
 * The lock is held as long as the connection lives: when the process dies, the lock, the connection and the open
 * transaction go together, so nothing stale is left behind.
 */
const LOCKED = `select pg_advisory_lock(${MIGRATION_LOCK}); set lock_timeout = ${MIGRATION_LOCK_TIMEOUT_MS}`

/** One connection without time limits. `first` is sent when it is open. */
async function alone<T>(url: string, first: string, work: (knex: Knex) => Promise<T>): Promise<T> {
  const knex = knexModule({
    client: 'pg',
    connection: {
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      application_name: 'ostiary migrations',
    },
    acquireConnectionTimeout: MIGRATION_WAIT_MS,
    pool: {
      min: 0,
      max: 1,
      createTimeoutMillis: MIGRATION_WAIT_MS,
      afterCreate(connection: pg.Client, done: (error?: Error | null) => void) {
        connection.query(first, (error) => done(error))
      },
    },
    ...quietKnex,
  })
  try {
    return await work(knex)
  } finally {
    await knex.destroy()
  }
}
