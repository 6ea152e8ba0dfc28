/** Parts of the composition root that need no order: each opens or reads one thing. */
import { readFile } from 'node:fs/promises'
import type { Config, Secrets } from './config/config.ts'
import type { Keyring } from './crypto/keyring.ts'
import type { Logger } from './lib/log.ts'
import { MailboxTransport } from './mail/mailbox.ts'
import { SmtpTransport } from './mail/smtp.ts'
import type { MailTransport } from './mail/transport.ts'
import type { DeclaredClient } from './oidc/declared-clients.ts'
import { chooseStorage, type Storage } from './storage/choose.ts'

/** Opens the stores and brings the database up to date. */
export async function openStorage(
  config: Config,
  secrets: Secrets,
  keyring: Keyring,
  log: Logger,
): Promise<Storage> {
  const { database } = config
  const storage = await chooseStorage({
    database:
      database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: database.poolSize }
        : { kind: 'pglite', dataDir: database.dataDir },
    redisUrl: secrets.redisUrl,
    atRest: keyring,
    onError: (err) => log.warn({ err }, 'a connection failed in the background'),
  })
  try {
    const { applied } = await storage.migrate()
    if (applied.length > 0) log.info({ applied }, 'the database was brought up to date')
    return storage
  } catch (error) {
    await storage.close()
    throw error
  }
}

export function mailTransport(config: Config, secrets: Secrets, storage: Storage): MailTransport {
  const { from, kind } = config.mail
  return kind === 'smtp'
    ? new SmtpTransport({ url: String(secrets.smtpUrl), from })
    : new MailboxTransport(storage.mailbox, from)
}

export async function readClients(file: string | undefined): Promise<DeclaredClient[]> {
  if (file === undefined) return []
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (error) {
    throw new Error(`CLIENTS_FILE "${file}" cannot be read: ${(error as Error).message}`)
  }
  const clients = (value as { clients?: unknown }).clients
  if (!Array.isArray(clients)) throw new TypeError(`${file} must hold {"clients": [...]}`)
  return clients as DeclaredClient[]
}

export async function timed(
  check: () => Promise<boolean>,
): Promise<{ state: 'up' | 'down'; latencyMs: number }> {
  const started = performance.now()
  const up = await check()
  return { state: up ? 'up' : 'down', latencyMs: Math.round(performance.now() - started) }
}

/** The last answer while it is fresh; however many ask at once, the work is done once. */
export function remembered<T>(work: () => Promise<T>, milliseconds: number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | undefined
  return () => {
    if (!last || performance.now() - last.at > milliseconds) last = { at: performance.now(), answer: work() }
    return last.answer
  }
}
