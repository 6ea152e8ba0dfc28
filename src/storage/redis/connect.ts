/**
 * The way to Redis: one server, a master that Sentinels watch, or a Cluster. Nothing waits for a Redis that is away:
 * commands fail at once, are never queued and never sent twice.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Cluster, type RedisOptions as IoredisOptions, Redis } from 'ioredis'
import { parseRedisUrl, type RedisAddress } from '../../lib/redis-url.ts'

/** Whoever calls gave up long before; this frees what is kept for the answer. */
const COMMAND_TIMEOUT_MS = 1_000
/** A connection that owes an answer for so long is dead, whatever TCP thinks. */
const SILENCE_MS = 5_000
const CONNECT_TIMEOUT_MS = 3_000
const LONGEST_RETRY_MS = 2_000

export interface RedisOptions {
  url: string
  /** told about connection faults; the client reconnects by itself */
  onError: (error: Error) => void
}

export type RedisClient = Redis | Cluster

type ClientOptions = Omit<IoredisOptions, 'replyMapping'>

export interface RedisConnection {
  client: RedisClient
  /** A new, unconnected client for listening, which does not reconnect; `attempt` chooses among a Cluster's nodes. */
  listener(attempt: number): Redis
  close(): void
}

/** Connects, waiting a moment for it; a Redis that is down now is reported, and used when it comes. */
export async function connectRedis({ url, onError }: RedisOptions): Promise<RedisConnection> {
  const address = parseRedisUrl(url)
  const client = clientFor(address)
  client.on('error', onError)
  // Rejects when the first attempt fails; 'error' has told by then, and the client goes on trying.
  const connected = client.connect().catch(() => {})
  await Promise.race([connected, sleep(CONNECT_TIMEOUT_MS, undefined, { ref: false })])
  return {
    client,
    listener: (attempt) => listenerFor(address, client, attempt),
    close: () => client.disconnect(),
  }
}

const retryStrategy = (times: number) => Math.min(50 * 2 ** Math.min(times, 6), LONGEST_RETRY_MS)

function commonOptions({ username, password, tls }: RedisAddress) {
  return {
    username,
    password,
    ...(tls ? { tls: {} } : {}),
    lazyConnect: true,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    connectionName: 'ostiary',
  } satisfies ClientOptions
}

function clientFor(address: RedisAddress): RedisClient {
  if (address.kind !== 'cluster')
    return new Redis({
      ...serverOptions(address),
      retryStrategy,
      sentinelRetryStrategy: retryStrategy,
      enableAutoPipelining: true,
      // A master that became a replica without closing its connections: look for the new one.
      reconnectOnError: ({ message }) => message.startsWith('READONLY'),
    })
  const cluster = new Cluster(address.nodes, {
    redisOptions: commonOptions(address),
    lazyConnect: true,
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    clusterRetryStrategy: retryStrategy,
    // Both send again what may have run, or waits longer than anybody does.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    slotsRefreshInterval: SILENCE_MS,
    // The certificate is for the name.
    ...(address.tls ? { dnsLookup: (name, done) => done(null, name) } : {}),
  })
  return cluster
}

function serverOptions(address: Exclude<RedisAddress, { kind: 'cluster' }>): ClientOptions {
  const common = { ...commonOptions(address), db: address.db, enableOfflineQueue: false }
  if (address.kind === 'single') return { ...common, ...address.server }
  return {
    ...common,
    sentinels: address.sentinels,
    name: address.master,
    ...(address.sentinelPassword === undefined ? {} : { sentinelPassword: address.sentinelPassword }),
    enableTLSForSentinelMode: address.tls,
    ...(address.tls ? { sentinelTLS: {} } : {}),
    sentinelCommandTimeout: COMMAND_TIMEOUT_MS,
  }
}

function listenerFor(address: RedisAddress, client: RedisClient, attempt: number): Redis {
  const once = { retryStrategy: () => null, sentinelRetryStrategy: () => null }
  if (address.kind !== 'cluster') return new Redis({ ...serverOptions(address), ...once })
  // What one node is told, all nodes are told: any will do, also one that was not there when we started.
  const known = client instanceof Cluster ? client.nodes().map(({ options }) => options) : []
  const nodes = [...known.map(({ host, port }) => ({ host, port })), ...address.nodes]
  return new Redis({
    ...commonOptions(address),
    ...nodes[attempt % nodes.length],
    ...once,
    enableOfflineQueue: false,
  } as ClientOptions)
}
