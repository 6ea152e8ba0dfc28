/** Starts the same app as `main.ts`, in this process, on a free port with a database of its own. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type App, createApp, type Overrides } from '../../src/app.ts'
import type { Config, Secrets } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { RawSettings } from '../../src/config/read-env.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { newMigratedDatabase } from './backends.ts'
import { freePort } from './child-service.ts'
import { migratedImage } from './pglite-image.ts'
import { cleanRedisUrl } from './redis.ts'

/** The two ends a deployment can have; every suite about the product runs on both. */
export const STACKS = ['pglite', 'postgres+redis'] as const
export type Stack = (typeof STACKS)[number]

export interface RunningApp {
  app: App
  issuer: string
  config: Config
  secrets: Secrets
  /** log lines so far, parsed */
  logs: Record<string, unknown>[]
  /** mails that were sent, oldest first (evaluation mailbox) */
  mails(): Promise<{ to: string; subject: string; text: string; html: string }[]>
  /** waits for the next mail to an address beyond the first `seen` */
  nextMail(to: string, seen?: number): Promise<{ to: string; subject: string; text: string; html: string }>
  close(): Promise<void>
}

export interface StartOptions {
  stack?: Stack
  settings?: RawSettings
  overrides?: Overrides
}

/** Settings that make hashing cheap enough for tests; the floor itself is tested where hashing is. */
const CHEAP: RawSettings = {
  ARGON2_MEMORY_KIB: '19456',
  ARGON2_ITERATIONS: '2',
  LOG_LEVEL: 'debug',
  DRAIN_SECONDS: '2',
}

export async function startApp({
  stack = 'pglite',
  settings = {},
  overrides = {},
}: StartOptions = {}): Promise<RunningApp> {
  const port = await freePort()
  const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-test-'))
  const onPostgres = stack === 'postgres+redis'
  const own = onPostgres && settings.DATABASE_URL === undefined ? await newMigratedDatabase() : undefined
  const raw: RawSettings = {
    PORT: String(port),
    DATA_DIR: dataDir,
    OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
    ...(own ? { DATABASE_URL: own.url } : {}),
    ...(onPostgres ? { REDIS_URL: await cleanRedisUrl() } : {}),
    ...CHEAP,
    ...settings,
  }
  const loaded = loadConfig(raw)
  // In memory: the embedded database on disk has tests of its own.
  const config: Config = onPostgres
    ? loaded.config
    : { ...loaded.config, database: { kind: 'pglite', dataDir: undefined, image: await migratedImage() } }
  const logs: Record<string, unknown>[] = []
  const log = createLogger('debug', { write: (line: string) => void logs.push(JSON.parse(line)) })
  const app = await createApp(config, loaded.secrets, log, overrides)
  await app.listen()
  const mails = async () =>
    (await app.storage.mailbox.list(200))
      .reverse()
      .map((mail) => ({ to: mail.recipient, subject: mail.subject, text: mail.text, html: mail.html ?? '' }))
  return {
    app,
    issuer: config.issuer,
    config,
    secrets: loaded.secrets,
    logs,
    mails,
    async nextMail(to, seen = 0) {
      for (let tries = 0; tries < 200; tries += 1) {
        const mail = (await mails()).filter((candidate) => candidate.to === to)[seen]
        if (mail) return mail
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      throw new Error(`no mail number ${seen + 1} to ${to} within 10 seconds`)
    },
    async close() {
      await app.close()
      await own?.drop()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}
