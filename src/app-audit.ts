/** Part of the composition root: what becomes of audit records after they were written. */
import type { Config } from './config/config.ts'
import { AuditKeys, digestOf } from './crypto/audit-keys.ts'
import { AuditRetention } from './domain/audit/retention.ts'
import { KeyWatch } from './jobs/key-watch.ts'
import type { Logger } from './lib/log.ts'
import type { Storage } from './storage/choose.ts'

const PRUNE_EVERY_MS = 600_000

/** Takes away what was kept for as long as its class is. */
export function retentionWatch({ audit }: Config, { database }: Storage, log: Logger): KeyWatch {
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
