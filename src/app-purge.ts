/** Part of the composition root: what is deleted by itself when its time has come. */
import type { Config } from './config/config.ts'
import type { Clock } from './domain/ports.ts'
import { UserDeletion } from './domain/users/deletion.ts'
import { Purge } from './jobs/purge.ts'
import type { Logger } from './lib/log.ts'
import type { Storage } from './storage/choose.ts'

export interface Deleting {
  config: Config
  storage: Storage
  clock: Clock
  accessEnded: () => void
  mailSoon: () => void
}

export function userDeletion({ config, storage, clock, accessEnded, mailSoon }: Deleting): UserDeletion {
  const { database } = storage
  const coolOffSeconds = config.deletion.coolOffSeconds
  return new UserDeletion({ database, clock, coolOffSeconds, accessEnded, mailSoon })
}

export function openPurge(parts: Deleting, log: Logger): Purge {
  const { storage, config } = parts
  const { unusedDays } = config.registration
  return new Purge(
    [
      { name: 'expired rows', purge: (batch) => storage.purge(batch) },
      { name: 'unused clients', purge: (batch) => storage.purgeUnusedClients(batch, unusedDays) },
      { name: 'deleted accounts', purge: (batch) => userDeletion(parts).eraseDue(batch) },
    ],
    log,
  )
}
