/**
 * Two nodes of one deployment, in this process, on one Postgres and one Redis: one issuer in front, whose requests go
 * to the node that is asked for. A restart is a node closed and made anew: nothing is left of what it had in memory.
 */
import { randomBytes } from 'node:crypto'
import { createServer, request } from 'node:http'
import { type App, createApp, type Overrides } from '../../src/app.ts'
import type { Secrets } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { RawSettings } from '../../src/config/read-env.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { newMigratedDatabase } from './backends.ts'
import { freePort } from './child-service.ts'
import { cleanRedisUrl } from './redis.ts'

/** Names the node a request is for; without it they go to `Nodes.current`. */
export const NODE_HEADER = 'x-test-node'

export interface Nodes {
  issuer: string
  secrets: Secrets
  apps: App[]
  /** the node that requests go to */
  current: number
  /** log lines of all nodes so far, parsed */
  logs: Record<string, unknown>[]
  restart(): Promise<void>
  flushRedis(): Promise<void>
  close(): Promise<void>
}

export async function startNodes(
  count: number,
  settings: RawSettings = {},
  overrides: Overrides = {},
): Promise<Nodes> {
  const [front, database] = [await freePort(), await newMigratedDatabase()]
  const { config, secrets } = loadConfig({
    PORT: String(front),
    OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
    DATABASE_URL: database.url,
    REDIS_URL: await cleanRedisUrl(),
    ARGON2_MEMORY_KIB: '19456',
    LOG_LEVEL: 'debug',
    DRAIN_SECONDS: '2',
    ...settings,
  })
  const logs: Record<string, unknown>[] = []
  const log = createLogger('debug', { write: (line: string) => void logs.push(JSON.parse(line)) })
  const ports: number[] = []
  const start = async (): Promise<App> => {
    const port = await freePort()
    const app = await createApp({ ...config, listen: { ...config.listen, port } }, secrets, log, overrides)
    await app.listen()
    ports.push(port)
    return app
  }
  const startAll = async () => {
    const apps: App[] = []
    for (let index = 0; index < count; index += 1) apps.push(await start())
    return apps
  }

  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const port = ports[Number(headers[NODE_HEADER] ?? nodes.current)]
    const onward = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.writableEnded || outgoing.writeHead(502).end())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(front, '127.0.0.1', resolve))

  const nodes: Nodes = {
    issuer: config.issuer,
    secrets,
    apps: await startAll(),
    current: 0,
    logs,
    async restart() {
      await Promise.all(nodes.apps.map((app) => app.close()))
      ports.length = 0
      nodes.apps = await startAll()
    },
    async flushRedis() {
      await cleanRedisUrl()
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all(nodes.apps.map((app) => app.close()))
      await database.drop()
    },
  }
  return nodes
}
