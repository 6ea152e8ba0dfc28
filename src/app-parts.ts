/** Parts of the composition root that need no order: each opens or reads one thing. */
import { readFile } from 'node:fs/promises'
import type { OutboxWorkers } from './app-outbox.ts'
import type { Config, Secrets } from './config/config.ts'
import { Argon2Children } from './crypto/argon2-children.ts'
import { AuditKeys, digestOf } from './crypto/audit-keys.ts'
import { DataKeys } from './crypto/data-keys.ts'
import { keyMaker } from './crypto/key-maker.ts'
import type { Keyring } from './crypto/keyring.ts'
import { Argon2Hasher } from './crypto/password-hasher.ts'
import { secureRandom } from './crypto/random.ts'
import { AuditLedger, type LedgerDeps } from './domain/audit/ledger.ts'
import { readTypes } from './domain/authorization/declare.ts'
import { type AuthorizationType, AuthorizationTypes } from './domain/authorization/type.ts'
import type { Client } from './domain/clients/client.ts'
import { type TestRequest, testRequest } from './domain/clients/test-url.ts'
import { Explainer } from './domain/failures/service.ts'
import { type KeyPolicy, keyPolicy } from './domain/keys/policy.ts'
import { SigningKeys } from './domain/keys/service.ts'
import { TOKEN_TTL } from './domain/resources/resource-server.ts'
import { ResourceServers } from './domain/resources/service.ts'
import { KeyWatch } from './jobs/key-watch.ts'
import type { Logger } from './lib/log.ts'
import { MailboxTransport } from './mail/mailbox.ts'
import { SmtpTransport } from './mail/smtp.ts'
import type { MailTransport } from './mail/transport.ts'
import { apiAudience, apiResourceServer } from './oidc/api-access.ts'
import { SCOPES } from './oidc/claims.ts'
import type { DeclaredClient } from './oidc/declared-clients.ts'
import type { LiveEngine } from './oidc/live-engine.ts'
import { ENDPOINTS } from './oidc/routes.ts'
import { ID_TOKEN } from './oidc/tokens.ts'
import { Outbound } from './outbound/outbound.ts'
import { checkGuard } from './outbound/self-test.ts'
import { chooseStorage, type Storage } from './storage/choose.ts'

/** Half of what a new data key waits (`ACTIVATION_SECONDS`). */
const DATA_KEYS_EVERY_MS = 30_000
/** A revoked key is no longer than this in the JWKS of a node that missed the notice. */
const SIGNING_KEYS_EVERY_MS = 2_000
const SCHEDULE_EVERY_MS = 20_000
const LINK_EVERY_MS = 5_000

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
        : database,
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

export function dataKeys(storage: Pick<Storage, 'dataKeys'>, secrets: Secrets, keyring: Keyring): DataKeys {
  return new DataKeys(storage.dataKeys, keyring, {
    current: secrets.rootKey,
    previous: secrets.previousRootKey,
  })
}

/** The one way out for requests of ours. Throws when its guard does not hold: nothing may start without it. */
export async function openOutbound({ outboundAllow: allow }: Config, log: Logger): Promise<Outbound> {
  const outbound = new Outbound({
    allow,
    onPaused: (place, err) =>
      log.warn({ place, err }, 'an address that is called keeps failing; left alone for 30 s'),
  })
  await checkGuard(outbound, allow)
  return outbound
}

/** Takes in data keys that `ostiary data-key rotate` adds. */
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
  return new SigningKeys({
    database: storage.database,
    makeKey: keyMaker(secureRandom),
    policy: signingKeyPolicy(config),
    keysChanged() {
      storage.changes.expire('keys')
      storage.notices.publish('keys')
    },
  })
}

/** How long the keys that sign are in each of their states, in this deployment. */
export function signingKeyPolicy({ lifetimes, signing }: Config): KeyPolicy {
  const longestUse = Math.max(
    ID_TOKEN,
    // Of any API there is, was or will be: those issued yesterday do not know what is stored today.
    TOKEN_TTL.most,
    // ID tokens are hints, and cookies are good, for as long as somebody is signed in.
    lifetimes.session.most,
    lifetimes.remembered.most,
  )
  return keyPolicy(signing.algorithms, signing.signFor, longestUse)
}

/** Addresses to try sign-ins with. */
export function testRequests({ issuer }: Config): (client: Client) => TestRequest {
  const endpoint = issuer + ENDPOINTS.authorization
  return (client) => testRequest(client, { endpoint, token: secureRandom.token, sha256: digestOf })
}

/** Changes of the APIs known here, by whichever process: all of them hear of it. */
export function resourceServers(
  { signing, issuer, resourceServers }: Config,
  storage: Storage,
): ResourceServers {
  return new ResourceServers({
    database: storage.database,
    own: apiAudience(issuer),
    declared: resourceServers.map(({ audience }) => audience),
    algorithms: signing.algorithms,
    changed() {
      storage.changes.expire('resources')
      storage.notices.publish('resources')
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

/** Keeps the audit records in their chain, and checks it. */
export function auditLedger(
  { database }: Pick<Storage, 'database'>,
  onCheckpoint?: LedgerDeps['onCheckpoint'],
): AuditLedger {
  return new AuditLedger({
    database,
    digest: digestOf,
    keys: new AuditKeys(),
    ...(onCheckpoint ? { onCheckpoint } : {}),
  })
}

/** Each signed head goes to the log as well, where whoever changes the database is not. */
export function auditWatch(storage: Storage, log: Logger): KeyWatch {
  const ledger = auditLedger(storage, ({ seq, hash, kid, signature }) =>
    log.info({ seq, hash, kid, signature }, 'the audit chain was signed'),
  )
  return new KeyWatch(() => ledger.link(), log, 'linking the audit records', LINK_EVERY_MS)
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

/** Types of authorization details: those of the file are written down, then all there are count until the next start. */
export async function authorizationTypes(config: Config, { database }: Storage): Promise<AuthorizationTypes> {
  const file = config.authorizationDetailsFile
  if (file !== undefined)
    for (const type of await readTypesFile(file)) await database.authorizationTypes.save(type)
  return new AuthorizationTypes(await database.authorizationTypes.list())
}

/** @throws Error naming the file and every fault in it */
export async function readTypesFile(file: string): Promise<AuthorizationType[]> {
  try {
    return readTypes(JSON.parse(await readFile(file, 'utf8')))
  } catch (error) {
    throw new Error(`AUTHORIZATION_DETAILS_FILE "${file}" cannot be used:\n${(error as Error).message}`)
  }
}

/** What failed requests are compared with. */
export function explainer({ issuer }: Config, { database }: Storage): Explainer {
  const { clients } = database
  const resourceServers = {
    list: async () => [...(await database.resourceServers.list()), apiResourceServer(issuer)],
  }
  return new Explainer({ clients, resourceServers, server: { issuer, scopes: SCOPES } })
}

export function mailTransport(config: Config, secrets: Secrets, storage: Storage): MailTransport {
  const { from, kind } = config.mail
  return kind === 'smtp'
    ? new SmtpTransport({ url: String(secrets.smtpUrl), from })
    : new MailboxTransport(storage.mailbox, from)
}

/** Mail in hand gets `seconds`; then its conversation is cut, and the outbox gives it to whoever asks next. */
export async function finishMail(outbox: OutboxWorkers, mail: MailTransport, seconds: number): Promise<void> {
  const cut = setTimeout(() => void mail.close(), seconds * 1000)
  await Promise.all(Object.values(outbox).map((worker) => worker.stop()))
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
