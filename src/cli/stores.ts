/** What most commands do around their own work: the settings read, the stores opened and closed again. */
import { dataKeys } from '../app-parts.ts'
import type { Config, Secrets } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { type ReadSettings, readSettings } from '../config/read-env.ts'
import type { DataKeys } from '../crypto/data-keys.ts'
import { Keyring } from '../crypto/keyring.ts'
import { chooseStorage, type Storage, type StorageOptions } from '../storage/choose.ts'
import { note } from './answer.ts'

/** A command needs few connections, and those of the running processes are counted. */
const POOL_SIZE = 2

/** The settings, and the database as a command opens it. */
export interface Parts {
  config: Config
  secrets: Secrets
  options: StorageOptions
  keyring: Keyring
}

export interface Opened extends Omit<Parts, 'options'> {
  storage: Storage
  keys: DataKeys
}

/**
 * @param looks for a command that makes nothing, whatever is not there
 * @throws ConfigError
 */
export function readConfig(
  { raw, faults }: Pick<ReadSettings, 'raw' | 'faults'> = readSettings(),
  { looks = false } = {},
): Parts {
  const { config, secrets } = loadConfig(raw, faults, { looks })
  const { database } = config
  const keyring = new Keyring()
  const options: StorageOptions = {
    database:
      database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: POOL_SIZE }
        : database,
    redisUrl: secrets.redisUrl,
    atRest: keyring,
    onError: (error) => note(error.message),
  }
  return { config, secrets, options, keyring }
}

/** Opens the stores for a piece of work, on a database of this version's schema, and closes them again. */
export async function withStorage<T>(work: (opened: Opened) => Promise<T>): Promise<T> {
  const { config, secrets, options, keyring } = readConfig()
  const storage = await chooseStorage(options)
  try {
    // A database that was never started on has no tables yet.
    await storage.migrate()
    const keys = dataKeys(storage, secrets, keyring)
    await keys.open()
    return await work({ config, secrets, storage, keyring, keys })
  } finally {
    await storage.close()
  }
}
