/** Part of the composition root: what is measured, and where it is asked for. */
import { remembered } from './app-parts.ts'
import type { Argon2Hasher } from './crypto/password-hasher.ts'
import { OUTBOX_KINDS, type OutboxKind } from './domain/outbox.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/choose.ts'
import { Metrics } from './telemetry/metrics.ts'
import { version } from './version.ts'

export function openMetrics(
  storage: Storage,
  hasher: Argon2Hasher,
  outbound: Pick<Outbound, 'snapshot'>,
): Metrics {
  const ofEach = async <T>(ask: (kind: OutboxKind) => Promise<T>) =>
    Object.fromEntries(await Promise.all(OUTBOX_KINDS.map(async (kind) => [kind, await ask(kind)] as const)))
  return new Metrics(
    {
      hashing: () => hasher.load,
      outbox: () => ofEach((kind) => storage.database.outbox.counts(kind)),
      outboxLag: () => ofEach((kind) => storage.database.outbox.lagSeconds(kind)),
      outbound() {
        const { open, halfOpen } = outbound.snapshot()
        return { open, 'half-open': halfOpen }
      },
      // Two metrics ask at each scrape.
      dependencies: remembered(() => storage.health(), 1_000),
      pool: () => storage.pool(),
    },
    { worker: String(process.pid), version },
  )
}
