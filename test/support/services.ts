/**
 * PostgreSQL and Redis for the tests: real servers, own folders, free loopback ports. `npm test` starts one of each
 * and names them in TEST_POSTGRES_URL and TEST_REDIS_URL; a test that breaks things starts its own.
 */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { findPostgres, findRedis } from './binaries.ts'
import { ChildService } from './child-service.ts'

export { freePort } from './child-service.ts'

export interface RunningService {
  /** connection URL; stays the same over `kill` and `start` */
  readonly url: string
  readonly service: ChildService
  /** Ends it and removes its data. */
  stop(): Promise<void>
}

const PROBE_MS = 2000

/** Everything started here and not yet stopped, so that a run that is torn down leaves nothing behind. */
const running = new Set<ChildService>()
process.once('exit', () => {
  for (const service of running) service.stopNow()
})

async function begin(service: ChildService, urlOf: (port: number) => string): Promise<RunningService> {
  running.add(service)
  try {
    await service.start()
  } catch (error) {
    service.stopNow()
    running.delete(service)
    throw error
  }
  return {
    url: urlOf(service.port),
    service,
    async stop() {
      await service.stop()
      running.delete(service)
    },
  }
}

interface Owner {
  uid: number
  gid: number
}

/** Postgres refuses to run as root: then it runs as `postgres`, or `nobody` where there is no such user. */
export function unprivileged(): Owner | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  const entries = lines.map((line) => line.split(':'))
  const entry = entries.find(([name]) => name === 'postgres') ?? entries.find(([name]) => name === 'nobody')
  if (!entry) throw new Error('running as root, and there is neither a user "postgres" nor "nobody"')
  return { uid: Number(entry[2]), gid: Number(entry[3]) }
}

async function probePostgres(port: number): Promise<void> {
  const client = new pg.Client({
    connectionString: `postgres://ostiary@127.0.0.1:${port}/postgres`,
    connectionTimeoutMillis: PROBE_MS,
    query_timeout: PROBE_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('SELECT 1')
  } finally {
    await client.end().catch(() => {})
  }
}

/**
 * A new PostgreSQL cluster with superuser `ostiary`. fsync stays on, as in production.
 * @param settings further settings, for example `{ max_connections: 20 }`
 */
export async function startPostgres(settings: Record<string, string | number> = {}): Promise<RunningService> {
  const bin = findPostgres()
  if (!bin) throw new Error('no PostgreSQL server found; "npm test" installs it or says how')
  const owner = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-postgres-'))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  const init = spawnSync(
    join(bin, 'initdb'),
    ['-D', data, '-U', 'ostiary', '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
    { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...owner },
  )
  if (init.status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`initdb failed: ${init.error ?? init.stderr}`)
  }
  return await postgresService(bin, folder, owner, settings)
}

/** Starts a server on the data that stands in `data` of a folder; the folder is its to remove. */
export async function postgresService(
  bin: string,
  folder: string,
  owner: Owner | undefined,
  settings: Record<string, string | number>,
): Promise<RunningService> {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    ...settings,
  }
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const service = new ChildService({
    name: 'PostgreSQL',
    command: join(bin, 'postgres'),
    args: (port) => ['-D', join(folder, 'data'), '-p', String(port), ...options],
    ...owner,
    folder,
    // "fast": open sessions are ended, then an orderly shutdown
    stopSignal: 'SIGINT',
    probe: probePostgres,
  })
  return await begin(service, (port) => `postgres://ostiary@127.0.0.1:${port}/postgres`)
}

async function probeRedis(port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write('PING\r\n'))
    socket.setTimeout(PROBE_MS, () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
    socket.once('data', (answer) => {
      socket.destroy()
      if (answer.toString('latin1').startsWith('+PONG')) resolve()
      else reject(new Error('not ready'))
    })
  })
}

/**
 * A new Redis without persistence: a restart is a flush, which the product must survive.
 * @param settings further settings, for example `{ maxmemory: '8mb' }`
 */
export async function startRedis(settings: Record<string, string | number> = {}): Promise<RunningService> {
  const command = findRedis()
  if (!command) throw new Error('no Redis server found; "npm test" installs it or says how')
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-redis-'))
  const all = { bind: '127.0.0.1', save: '', appendonly: 'no', 'maxmemory-policy': 'noeviction', ...settings }
  const options = Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])
  const service = new ChildService({
    name: 'Redis',
    command,
    args: (port) => ['--port', String(port), '--dir', folder, ...options],
    folder,
    stopSignal: 'SIGTERM',
    probe: probeRedis,
  })
  return await begin(service, (port) => `redis://127.0.0.1:${port}`)
}

/** A Sentinel that watches nothing yet. */
export async function startSentinel(): Promise<RunningService> {
  const command = findRedis()
  if (!command) throw new Error('no Redis server found; "npm test" installs it or says how')
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-sentinel-'))
  // it writes down there what it learns, and does not start without
  const file = join(folder, 'sentinel.conf')
  writeFileSync(file, '')
  const service = new ChildService({
    name: 'Redis Sentinel',
    command,
    args: (port) => [file, '--sentinel', '--port', String(port), '--bind', '127.0.0.1', '--dir', folder],
    folder,
    stopSignal: 'SIGTERM',
    probe: probeRedis,
  })
  return await begin(service, (port) => `redis://127.0.0.1:${port}`)
}
