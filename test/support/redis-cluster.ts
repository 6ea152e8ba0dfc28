/** A real Redis Cluster (three masters, a replica each) and a real Sentinel set, each for one test file. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { freePort, type RunningService, startRedis, startSentinel } from './services.ts'

const run = promisify(execFile)

export interface RedisSet {
  /** as `REDIS_URL` takes it */
  url: string
  stop(): Promise<void>
}

export interface RedisCluster extends RedisSet {
  nodes: RunningService[]
  /** `redis-cli` against a node that is alive; answers what it prints */
  cli(...args: string[]): Promise<string>
  /** the masters now */
  masters(): Promise<{ id: string; node: RunningService; slots: number }[]>
}

export interface SentinelSet extends RedisSet {
  servers: RunningService[]
  /** who the Sentinels say is the master */
  master(): Promise<RunningService>
}

/** By default a master waits five seconds for more replicas before it sends the first what it has. */
const AT_ONCE = { 'repl-diskless-sync-delay': 0 }
/** How soon a server that is silent counts as gone. */
const GONE_MS = 1_000
const READY_MS = 60_000

export async function startRedisCluster(): Promise<RedisCluster> {
  const nodes = await all(6, async () =>
    startRedis({
      ...AT_ONCE,
      'cluster-enabled': 'yes',
      // not the port + 10000, which may be taken or none at all
      'cluster-port': await freePort(),
      'cluster-node-timeout': GONE_MS,
      'cluster-replica-validity-factor': 0,
    }),
  )
  const alive = () => nodes.find(({ service }) => service.running)
  const cli = async (...args: string[]) => {
    const { stdout } = await run('redis-cli', ['-p', String(alive()?.service.port), ...args])
    return stdout
  }
  const cluster: RedisCluster = {
    url: `redis+cluster://${nodes.map(address).join(',')}`,
    nodes,
    cli,
    async masters() {
      const lines = (await cli('cluster', 'nodes')).trim().split('\n')
      return lines
        .map((line) => line.split(' '))
        .filter(([, , flags]) => flags?.includes('master') && !flags.includes('fail'))
        .map(([id = '', at = '', , , , , , , ...slots]) => ({
          id,
          node: nodes.find((node) => at.startsWith(`${address(node)}@`)) as RunningService,
          slots: slots.filter((slot) => !slot.startsWith('[')).reduce((sum, slot) => sum + width(slot), 0),
        }))
    },
    stop: () => stopAll(nodes),
  }
  try {
    await run('redis-cli', [
      ...['--cluster', 'create', ...nodes.map(address)],
      ...['--cluster-replicas', '1', '--cluster-yes'],
    ])
    await until('the cluster is whole, seen from every node', async () => {
      const views = await Promise.all(nodes.map((node) => ask(node, 'cluster', 'info')))
      const replicas = await Promise.all(nodes.map((node) => ask(node, 'role')))
      const linked = replicas.filter((role) => Array.isArray(role) && role[3] === 'connected')
      return (
        views.every((info) => /cluster_state:ok.*known_nodes:6/s.test(String(info))) && linked.length === 3
      )
    })
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

export async function startSentinels(): Promise<SentinelSet> {
  const [servers, sentinels] = await Promise.all([all(2, () => startRedis(AT_ONCE)), all(3, startSentinel)])
  const [first, second] = servers as [RunningService, RunningService]
  const master = async () => {
    const sentinel = sentinels.find(({ service }) => service.running) as RunningService
    const found = (await ask(sentinel, 'sentinel', 'get-master-addr-by-name', 'ostiary')) as string[]
    return servers.find((server) => address(server) === found.join(':')) as RunningService
  }
  const set: SentinelSet = {
    url: `redis+sentinel://${sentinels.map(address).join(',')}/ostiary`,
    servers,
    master,
    stop: () => stopAll([...sentinels, ...servers]),
  }
  try {
    await ask(second, 'replicaof', '127.0.0.1', String(first.service.port))
    for (const sentinel of sentinels) {
      await ask(sentinel, 'sentinel', 'monitor', 'ostiary', '127.0.0.1', String(first.service.port), '2')
      await ask(sentinel, 'sentinel', 'set', 'ostiary', 'down-after-milliseconds', String(GONE_MS))
      await ask(sentinel, 'sentinel', 'set', 'ostiary', 'failover-timeout', '5000')
    }
    await until('the Sentinels know each other and the replica, and that has everything', async () => {
      const role = await ask(second, 'role')
      if (!Array.isArray(role) || role[3] !== 'connected') return false
      const info = await Promise.all(sentinels.map((sentinel) => ask(sentinel, 'info', 'sentinel')))
      return info.every((text) => /status=ok,.*slaves=1,sentinels=3/.test(String(text)))
    })
    return set
  } catch (error) {
    await set.stop()
    throw error
  }
}

function address({ service }: RunningService): string {
  return `127.0.0.1:${service.port}`
}

/** `0-5460` or `12` */
function width(slots: string): number {
  const [from, to] = slots.split('-').map(Number)
  return (to ?? from!) - from! + 1
}

async function ask(node: RunningService, command: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(node.url, { maxRetriesPerRequest: 0 })
  redis.on('error', () => {})
  try {
    return await redis.call(command, ...args)
  } finally {
    redis.disconnect()
  }
}

/** Starts so many at once; when one fails, ends the others. */
async function all(count: number, start: () => Promise<RunningService>): Promise<RunningService[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: count }, start))
  const started = outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []))
  const failed = outcomes.find((it) => it.status === 'rejected')
  if (!failed) return started
  await stopAll(started)
  throw failed.reason
}

async function stopAll(services: RunningService[]): Promise<void> {
  await Promise.all(services.map((it) => it.stop()))
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_MS
  while (!(await holds().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`)
    await sleep(100)
  }
}
