/** How the deployment is doing. */
import { z } from 'zod'
import type { SystemReport } from '../deps.ts'
import { defineRoute, type Route } from '../route.ts'

const seconds = z.number().nonnegative()
const bytes = z.number().int().nonnegative()
const count = z.number().int().nonnegative()

export const operationRoutes: readonly Route[] = [
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/settings', operation: 'readSettings', tag: 'System' },
    summary:
      'Settings as given and what follows from them; they are the environment’s and change with a restart',
    input: {},
    output: z.strictObject({
      items: z.array(
        z.strictObject({
          name: z.string(),
          value: z.string().nullable().describe('null: not given, or secret'),
          secret: z.boolean(),
          source: z.enum(['environment', 'secret_file', 'file', 'default']),
        }),
      ),
      effective: z.record(z.string(), z.unknown()),
    }),
    ...{ errors: [], permission: 'system:read' },
    async handle(_call, { settings: { items, effective } }) {
      return { body: { items: [...items], effective } }
    },
  }),
  defineRoute({
    ...{ method: 'GET', path: '/api/v1/admin/system', operation: 'readSystem', tag: 'System' },
    summary: 'How this process and what it depends on are doing',
    input: {},
    output: z.strictObject({
      version: z.string(),
      node: z.string(),
      mode: z.enum(['evaluation', 'production']),
      uptime_seconds: seconds,
      engine: z.string().describe('version of the protocol engine'),
      memory: z.strictObject({
        ...{ rss_bytes: bytes, heap_used_bytes: bytes, heap_total_bytes: bytes, external_bytes: bytes },
        ...{ machine_total_bytes: bytes, machine_free_bytes: bytes },
      }),
      cpu: z.strictObject({
        ...{ user_seconds: seconds, system_seconds: seconds, cores: count },
        load: z.number().nonnegative().describe('of the machine, over a minute'),
      }),
      event_loop: z.strictObject({ utilization: z.number(), lag_ms: z.number().nonnegative() }),
      migrations: z.strictObject({ applied: z.array(z.string()), pending: z.array(z.string()) }),
      connections: z
        .strictObject({ open: count, idle: count, waiting: count })
        .nullable()
        .describe('to a database server; null: it is inside the process'),
      dependencies: z.record(
        z.string(),
        z.strictObject({
          ...{ state: z.enum(['up', 'down']), latency_ms: count },
          breaker: z.enum(['closed', 'open', 'half-open']).nullable(),
        }),
      ),
      mail: z.strictObject({ waiting: count, dead: count }),
      outbox: z.record(z.string(), z.strictObject({ waiting: count, dead: count, lag_seconds: seconds })),
    }),
    ...{ errors: [], permission: 'system:read' },
    async handle(_call, { system }) {
      return { body: reportOf(await system()) }
    },
  }),
]

function reportOf(report: SystemReport) {
  const { uptimeSeconds, memory, cpu, eventLoop, dependencies, outbox, connections, ...same } = report
  const each = <T, R>(all: Record<string, T>, as: (one: T) => R) =>
    Object.fromEntries(Object.entries(all).map(([name, one]) => [name, as(one)]))
  return {
    ...same,
    uptime_seconds: uptimeSeconds,
    memory: {
      rss_bytes: memory.rssBytes,
      heap_used_bytes: memory.heapUsedBytes,
      heap_total_bytes: memory.heapTotalBytes,
      external_bytes: memory.externalBytes,
      machine_total_bytes: memory.machineTotalBytes,
      machine_free_bytes: memory.machineFreeBytes,
    },
    cpu: {
      user_seconds: cpu.userSeconds,
      system_seconds: cpu.systemSeconds,
      cores: cpu.cores,
      load: cpu.load,
    },
    event_loop: { utilization: eventLoop.utilization, lag_ms: eventLoop.lagMs },
    connections: connections ?? null,
    dependencies: each(dependencies, ({ state, latencyMs, breaker = null }) => ({
      state,
      latency_ms: latencyMs,
      breaker,
    })),
    outbox: each(outbox, ({ waiting, dead, lagSeconds }) => ({ waiting, dead, lag_seconds: lagSeconds })),
  }
}
