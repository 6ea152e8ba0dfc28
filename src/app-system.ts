/** Part of the composition root: how this process, its machine and what it depends on are doing, at a glance. */
import { readFileSync } from 'node:fs'
import { availableParallelism, freemem, loadavg, totalmem } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { SystemReport } from './api/deps.ts'
import type { Config } from './config/config.ts'
import { OUTBOX_KINDS } from './domain/outbox.ts'
import type { Storage } from './storage/choose.ts'
import { version } from './version.ts'

const { version: engine } = JSON.parse(
  readFileSync(new URL('../node_modules/oidc-provider/package.json', import.meta.url), 'utf8'),
) as { version: string }

/** @throws what the database throws: of a database that is away `/health` tells */
export async function systemReport({ mode }: Config, storage: Storage): Promise<SystemReport> {
  const { outbox } = storage.database
  const [dependencies, migrations, eventLoopLagMs, ...counts] = await Promise.all([
    storage.health(),
    storage.migrations(),
    eventLoopLag(),
    ...OUTBOX_KINDS.map(async (kind) => {
      const [{ waiting, dead }, lagSeconds] = await Promise.all([
        outbox.counts(kind),
        outbox.lagSeconds(kind),
      ])
      return [kind, { waiting, dead, lagSeconds }] as const
    }),
  ])
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  const queues = Object.fromEntries(counts)
  return {
    ...{ version, mode, dependencies },
    mail: { waiting: queues.mail?.waiting ?? 0, dead: queues.mail?.dead ?? 0 },
    outbox: queues,
    node: process.version,
    engine,
    uptimeSeconds: Math.round(process.uptime()),
    memory: {
      ...{ rssBytes: rss, heapUsedBytes: heapUsed, heapTotalBytes: heapTotal, externalBytes: external },
      ...{ machineTotalBytes: totalmem(), machineFreeBytes: freemem() },
    },
    cpu: {
      ...{ userSeconds: user / 1e6, systemSeconds: system / 1e6 },
      ...{ cores: availableParallelism(), load: loadavg()[0] ?? 0 },
    },
    eventLoop: { utilization: performance.eventLoopUtilization().utilization, lagMs: eventLoopLagMs },
    migrations,
    connections: storage.pool(),
  }
}

/** milliseconds until a turn of the loop that is asked for now */
async function eventLoopLag(): Promise<number> {
  const asked = performance.now()
  await new Promise((resolve) => setImmediate(resolve))
  return Math.round((performance.now() - asked) * 100) / 100
}
