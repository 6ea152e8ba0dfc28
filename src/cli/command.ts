/** What every command does around its own work: arguments, settings, stores, and failures in words. */
import { dataKeys } from '../app-parts.ts'
import type { Config, Secrets } from '../config/config.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import type { DataKeys } from '../crypto/data-keys.ts'
import { Keyring } from '../crypto/keyring.ts'
import { explainStartFailure } from '../start-failure.ts'
import { chooseStorage, type Storage, type StorageOptions } from '../storage/choose.ts'

/** A command needs few connections, and those of the running processes are counted. */
const POOL_SIZE = 2

export interface Opened {
  config: Config
  secrets: Secrets
  storage: Storage
  keyring: Keyring
  keys: DataKeys
}

/** Runs a command to its end. What it throws is told in a sentence, not as a stack; then the exit code is 1. */
export async function runCommand(main: () => Promise<void>): Promise<void> {
  try {
    await main()
  } catch (error) {
    console.error(error instanceof ConfigError ? error.message : explainStartFailure(error))
    process.exitCode = 1
  }
}

/** What the command line asks for; `undefined` (and exit code 2) when it cannot be read: then usage was shown. */
export function readArguments<T>(usage: string, read: () => T | undefined): T | undefined {
  try {
    return read()
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    process.exitCode = 2
    return undefined
  }
}

/** The settings, and the database as a command opens it. */
export function readConfig(): {
  config: Config
  secrets: Secrets
  options: StorageOptions
  keyring: Keyring
} {
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const { database } = config
  const keyring = new Keyring()
  const options: StorageOptions = {
    database:
      database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: POOL_SIZE }
        : database,
    redisUrl: secrets.redisUrl,
    atRest: keyring,
    onError: (error) => console.error(error.message),
  }
  return { config, secrets, options, keyring }
}

/** Opens the stores for a piece of work, on a database of this version's schema, and closes them again. */
export async function withStorage(work: (opened: Opened) => Promise<void>): Promise<void> {
  const { config, secrets, options, keyring } = readConfig()
  const storage = await chooseStorage(options)
  try {
    // A database that was never started on has no tables yet.
    await storage.migrate()
    const keys = dataKeys(storage, secrets, keyring)
    await keys.open()
    await work({ config, secrets, storage, keyring, keys })
  } finally {
    await storage.close()
  }
}
