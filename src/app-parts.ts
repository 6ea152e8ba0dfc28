/** Parts of the composition root that need no order: each opens or reads one thing. */
import { readFile } from 'node:fs/promises'
import type { Config, Secrets } from './config/config.ts'
import { Argon2Children } from './crypto/argon2-children.ts'
import { DataKeys } from './crypto/data-keys.ts'
import { keyMaker } from './crypto/key-maker.ts'
import type { Keyring } from './crypto/keyring.ts'
import { Argon2Hasher } from './crypto/password-hasher.ts'
import { secureRandom } from './crypto/random.ts'
import { Explainer } from './domain/failures/service.ts'
import { keyPolicy } from './domain/keys/policy.ts'
import { SigningKeys } from './domain/keys/service.ts'
import { KeyWatch } from './jobs/key-watch.ts'
import type { OutboxWorker } from './jobs/outbox-worker.ts'
import type { Logger } from './lib/log.ts'
import { MailboxTransport } from './mail/mailbox.ts'
import { SmtpTransport } from './mail/smtp.ts'
import type { MailTransport } from './mail/transport.ts'
import { apiResourceServer } from './oidc/api-access.ts'
import { SCOPES } from './oidc/claims.ts'
import type { DeclaredClient } from './oidc/declared-clients.ts'
import type { LiveEngine } from './oidc/live-engine.ts'
import { ID_TOKEN } from './oidc/tokens.ts'
import { chooseStorage, type Storage } from './storage/choose.ts'

/** Half of what a new data key waits (`ACTIVATION_SECONDS`). */
const DATA_KEYS_EVERY_MS = 30_000
/** A revoked key is no longer than this in the JWKS of a node that missed the notice. */
const SIGNING_KEYS_EVERY_MS = 2_000
const SCHEDULE_EVERY_MS = 20_000

/** Opens the stores, brings the database up to date and fills the keyring from it. */
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
    await openDataKeys(storage, secrets, keyring, log)
    return storage
  } catch (error) {
    await storage.close()
    throw error
  }
}

async function openDataKeys(
  storage: Storage,
  secrets: Secrets,
  keyring: Keyring,
  log: Logger,
): Promise<void> {
  const { rewrapped, previousIsIdle } = await dataKeys(storage, secrets, keyring).open()
  if (rewrapped.length > 0)
    log.info({ versions: rewrapped }, 'the data keys are wrapped under the new OSTIARY_SECRET_KEY')
  if (previousIsIdle) log.info({}, 'nothing needs OSTIARY_SECRET_KEY_PREVIOUS any more; it can be taken out')
}

export function dataKeys(storage: Storage, secrets: Secrets, keyring: Keyring): DataKeys {
  return new DataKeys(storage.dataKeys, keyring, {
    current: secrets.rootKey,
    previous: secrets.previousRootKey,
  })
}

/** Takes in data keys that `npm run rotate-keys` adds. */
export function keyWatch(storage: Storage, secrets: Secrets, keyring: Keyring, log: Logger): KeyWatch {
  const keys = dataKeys(storage, secrets, keyring)
  const watch = new KeyWatch(
    async () => {
      if (await keys.refresh()) log.info({ versions: keyring.versions }, 'the data keys have changed')
    },
    log,
    'looking for new data keys',
    DATA_KEYS_EVERY_MS,
  )
  storage.notices.subscribe((topic) => topic === 'keys' && watch.soon())
  return watch
}

/** Changes of the keys that sign, by whichever process: all of them hear of it. */
export function signingKeys(config: Config, storage: Storage): SigningKeys {
  const { lifetimes, resourceServers, signing } = config
  const longestUse = Math.max(
    ID_TOKEN,
    ...resourceServers.map(({ tokenTtl }) => tokenTtl),
    // ID tokens are hints, and cookies are good, for as long as somebody is signed in.
    lifetimes.session.most,
    lifetimes.remembered.most,
  )
  return new SigningKeys({
    database: storage.database,
    makeKey: keyMaker(secureRandom),
    policy: keyPolicy(signing.algorithms, signing.signFor, longestUse),
    keysChanged() {
      storage.changes.expire('keys')
      storage.notices.publish('keys')
    },
  })
}

/** Does what is due of the keys that sign, and follows what is done to them anywhere. */
export function signingKeyWatches(
  storage: Storage,
  keys: SigningKeys,
  live: LiveEngine,
  log: Logger,
): KeyWatch[] {
  const follow = async () => {
    if (await live.follow()) log.info({}, 'the signing keys have changed')
  }
  const following = new KeyWatch(follow, log, 'following the signing keys', SIGNING_KEYS_EVERY_MS)
  storage.notices.subscribe((topic) => topic === 'keys' && following.soon())
  return [following, new KeyWatch(() => keys.advance(), log, 'rotating the signing keys', SCHEDULE_EVERY_MS)]
}

export function passwordHasher({ hashing }: Config, keyring: Keyring, log: Logger): Argon2Hasher {
  const { memoryKiB: memory, iterations: passes, slots, processes } = hashing
  const onDeath = (reason: string) =>
    log.warn({ reason }, 'a process that hashes passwords ended; it is replaced')
  return new Argon2Hasher(keyring, {
    memory,
    passes,
    slots,
    ...(processes ? { argon2: new Argon2Children({ onDeath }) } : {}),
  })
}

/** What failed requests are compared with. */
export function explainer({ issuer, resourceServers }: Config, { database }: Storage): Explainer {
  const server = { issuer, scopes: SCOPES, resources: [...resourceServers, apiResourceServer(issuer)] }
  return new Explainer({ clients: database.clients, server })
}

export function mailTransport(config: Config, secrets: Secrets, storage: Storage): MailTransport {
  const { from, kind } = config.mail
  return kind === 'smtp'
    ? new SmtpTransport({ url: String(secrets.smtpUrl), from })
    : new MailboxTransport(storage.mailbox, from)
}

/** Mail in hand gets `seconds`; then its conversation is cut, and the outbox gives it to whoever asks next. */
export async function finishMail(outbox: OutboxWorker, mail: MailTransport, seconds: number): Promise<void> {
  const cut = setTimeout(() => void mail.close(), seconds * 1000)
  await outbox.stop()
  clearTimeout(cut)
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
