/** Part of the composition root: what becomes of audit records after they were written. */
import { auditLedger, auditWatch } from './app-parts.ts'
import type { Config } from './config/config.ts'
import { AuditKeys, digestOf } from './crypto/audit-keys.ts'
import type { Actor } from './domain/access/service.ts'
import { type ExportOptions, exportLines } from './domain/audit/export.ts'
import type { Head, Verdict } from './domain/audit/ledger.ts'
import { AuditRetention } from './domain/audit/retention.ts'
import { AuditStream, type StreamEntry } from './domain/audit/stream.ts'
import { DomainError } from './domain/errors.ts'
import { keepUsage } from './domain/operations/usage.ts'
import { KeyWatch } from './jobs/key-watch.ts'
import type { Logger } from './lib/log.ts'
import type { Storage } from './storage/choose.ts'

const PRUNE_EVERY_MS = 600_000
const COUNT_EVERY_MS = 600_000
/** As often as links are made. */
const STREAM_EVERY_MS = 5_000

/** What is done with the records besides linking them. */
export function auditWatches(config: Config, storage: Storage, log: Logger): KeyWatch[] {
  return [
    auditWatch(storage, log),
    usageWatch(storage, log),
    retentionWatch(config, storage, log),
    ...streamWatch(config, storage, log),
  ]
}

/** None where there is no stream, or no Redis to have it. */
function streamWatch({ audit }: Config, { database, addToStream }: Storage, log: Logger): KeyWatch[] {
  const { stream } = audit
  if (!stream || !addToStream) return []
  const add = (entries: readonly StreamEntry[]) =>
    addToStream(
      stream.name,
      stream.length,
      entries.map(({ seq, payload }) => ({ seq: String(seq), payload })),
    )
  const following = new AuditStream({ database, add })
  return [new KeyWatch(() => following.follow(), log, 'streaming the audit records', STREAM_EVERY_MS)]
}

/** By itself, so that a day that cannot be counted keeps no record beyond its time. */
function usageWatch({ database }: Storage, log: Logger): KeyWatch {
  const count = () => keepUsage(database.usage, new Date())
  return new KeyWatch(count, log, 'counting the days that are over', COUNT_EVERY_MS)
}

/** Takes away what was kept for as long as its class is. */
function retentionWatch({ audit }: Config, { database }: Storage, log: Logger): KeyWatch {
  const retention = new AuditRetention({
    database,
    digest: digestOf,
    keys: new AuditKeys(),
    days: audit.days,
  })
  const prune = async () => {
    const records = await retention.prune()
    if (records > 0) log.info({ records }, 'old audit records were taken away')
  }
  return new KeyWatch(prune, log, 'taking away old audit records', PRUNE_EVERY_MS)
}

/** The record for those who look into it: as a file, and whether it is whole. */
export interface AuditServices {
  /** Lines of JSON (`domain/audit/export.ts`). That somebody took it away is recorded before the first. */
  export(options: ExportOptions, actor: Actor): Promise<AsyncIterable<string>>
  /** @throws `busy` while one is under way: it walks everything */
  verify(since: Head | undefined): Promise<Verdict>
}

export function auditServices(
  { issuer }: Pick<Config, 'issuer'>,
  storage: Pick<Storage, 'database'>,
): AuditServices {
  const { database } = storage
  const ledger = auditLedger(storage)
  let walking = false
  return {
    async export(options, { by, request }) {
      const { after, personal } = options
      await database.audit.append({
        ...{ name: 'audit.exported', outcome: 'success', request },
        detail: { by, after, personal },
      })
      const publicKeys = async () =>
        (await new AuditKeys().publicKeys(database.auditKeys)).map((key) => ({ ...key }))
      return exportLines({ database, issuer, publicKeys, at: new Date() }, options)
    },
    async verify(since) {
      if (walking) throw new DomainError('busy')
      walking = true
      try {
        return await ledger.verify(since)
      } finally {
        walking = false
      }
    },
  }
}
