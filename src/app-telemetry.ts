/**
 * Part of the composition root: what is timed, and what is traced where traces are wanted. Those who do the work know
 * nothing of it.
 */
import { openMetrics } from './app-metrics.ts'
import type { Config } from './config/config.ts'
import type { Argon2Hasher } from './crypto/password-hasher.ts'
import type { Tracing } from './lib/tracing.ts'
import type { MailTransport } from './mail/transport.ts'
import { Operations } from './oidc/operations.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/choose.ts'
import type { Metrics } from './telemetry/metrics.ts'
import type { Asking } from './telemetry/watch.ts'
import { timeCalls, traceCalls } from './telemetry/watch.ts'
import { version } from './version.ts'

export interface TelemetryParts {
  config: Config
  storage: Storage
  hasher: Argon2Hasher
  outbound: Outbound
  mail: MailTransport
}

export interface Telemetry {
  measures: Metrics
  /** undefined: nothing is traced */
  tracing: Tracing | undefined
  operations: Operations
  close(): Promise<void>
}

/** Before anything is asked of the parts. */
export async function openTelemetry(parts: TelemetryParts): Promise<Telemetry> {
  const { config, storage, hasher, outbound, mail } = parts
  const measures = openMetrics(storage, hasher, outbound)
  const tracing = await openTracing(config, measures)
  const { connection, committer, redis } = storage.inside
  timeCalls(measures.work, 'database', connection, 'read', 'commit', 'query')
  timeCalls(measures.work, 'unit', committer, 'commit')
  if (redis) timeCalls(measures.work, 'redis', redis, 'get', 'put', 'take', 'delete')
  timeCalls(measures.work, 'hashing', hasher, 'hash', 'verify')
  timeCalls(measures.work, 'outbound', outbound, 'fetch')
  timeCalls(measures.work, 'mail', mail, 'send')
  if (tracing) traceParts(tracing, parts)
  return {
    measures,
    tracing,
    operations: new Operations({ observe: measures.operation, tracing }),
    async close() {
      measures.close()
      await tracing?.close()
    },
  }
}

/** Loaded where it is wanted: the packages are large, and most deployments have no collector. */
async function openTracing({ tracing }: Config, measures: Metrics) {
  if (!tracing) return undefined
  const { OtlpTracing } = await import('./telemetry/tracing.ts')
  return new OtlpTracing({ ...tracing, version, lost: measures.spansLost })
}

/** Statements that many requests share are part of none: what is traced is what one request waits for. */
function traceParts(tracing: Tracing, { storage, hasher, outbound, mail }: TelemetryParts): void {
  const { loader, committer, connection, redis } = storage.inside
  const database = { attributes: { 'db.system.name': 'postgresql' } }
  traceCalls(tracing, 'database', loader, ['load'], database)
  traceCalls(tracing, 'database unit', committer, ['commit'], database)
  traceCalls(tracing, 'database', connection, ['query'], database)
  traceCalls(tracing, 'database', storage.database, ['transaction'], database)
  for (const [name, repository] of Object.entries(storage.database))
    if (typeof repository === 'object')
      traceCalls(tracing, `database ${name}`, repository, methodsOf(repository), database)
  if (redis)
    traceCalls(tracing, 'redis', redis, ['get', 'put', 'take', 'delete'], {
      attributes: { 'db.system.name': 'redis' },
    })
  traceCalls(tracing, 'hashing', hasher, ['hash', 'verify'])
  traceCalls(tracing, 'outbound', outbound, ['fetch'], {
    alone: true,
    more: ([address]) => serverOf(address),
  })
  traceCalls(tracing, 'mail', mail, ['send'], { alone: true })
}

/** Of a repository: each asks the database, and answers with a promise. */
function methodsOf<T extends object>(repository: T): Asking<T>[] {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(repository))
  return names.filter((name) => name !== 'constructor') as Asking<T>[]
}

/** Who is called, not what: paths of others are theirs. */
function serverOf(address: unknown): { 'server.address'?: string } {
  const url = URL.parse(String(address))
  return url ? { 'server.address': url.hostname } : {}
}
