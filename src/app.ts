/**
 * The composition root: the only file that sees everything. Opens the stores, makes the keys, builds the engine and
 * the pages, and closes them again. `main.ts` and the tests start the same thing.
 */
import { fileURLToPath } from 'node:url'
import { docsClient, openApi } from './app-api.ts'
import { auditWatches } from './app-audit.ts'
import { authClients } from './app-auth.ts'
import { openEngine } from './app-engine.ts'
import { outboxWorkers } from './app-outbox.ts'
import {
  finishMail,
  keyWatch,
  mailTransport,
  openOutbound,
  openStorage,
  passwordHasher,
  readClients,
  remembered,
  resourceServers,
  signingKeyWatches,
  timed,
} from './app-parts.ts'
import { openPurge } from './app-purge.ts'
import { passwordPolicy, servicesOfPages } from './app-services.ts'
import { openTelemetry } from './app-telemetry.ts'
import type { Config, Secrets } from './config/config.ts'
import { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import type { FailureLimits } from './domain/failures/limit.ts'
import type { SigningKeys } from './domain/keys/service.ts'
import type { Clock } from './domain/ports.ts'
import { DEFAULT_LIMITS, type Limits, Throttle } from './domain/protection/throttle.ts'
import type { ResourceServers } from './domain/resources/service.ts'
import { createHttpApp } from './http/app.ts'
import { Browser } from './http/browser.ts'
import { openableApps } from './http/open-app.ts'
import { Pages } from './http/pages.ts'
import { createRenderer } from './http/render.ts'
import { paths } from './http/urls.ts'
import type { Logger } from './lib/log.ts'
import type { MailTransport } from './mail/transport.ts'
import { applyDeclaredClients, type DeclaredClient } from './oidc/declared-clients.ts'
import type { Engine } from './oidc/engine.ts'
import { unitOfWork } from './oidc/unit-of-work.ts'
import type { Outbound } from './outbound/outbound.ts'
import { type Farewell, serve } from './server.ts'
import type { Storage } from './storage/choose.ts'
import { isUnavailable, isUnstorable } from './storage/faults.ts'
import { withRequestId } from './telemetry/logger.ts'

export interface Overrides {
  clock?: Clock
  limits?: Partial<Limits>
  failureLimits?: Partial<FailureLimits>
  /** instead of what the configuration names */
  mail?: MailTransport
  /** beside those of the clients file */
  clients?: readonly DeclaredClient[]
}

export interface App {
  config: Config
  storage: Storage
  engine: Engine
  signingKeys: SigningKeys
  outbound: Outbound
  resourceServers: ResourceServers
  log: Logger
  /** the first administrator's link while there is no administrator */
  setupUrl(): Promise<string | undefined>
  /** whether there is no administrator yet */
  needsSetup(): Promise<boolean>
  /** Opens the port. Rejects with the system's error when it cannot. */
  listen(): Promise<void>
  /** Stops taking requests, finishes those in flight and the mail in hand, closes the stores. */
  close(farewell?: Farewell): Promise<void>
}

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Everything wired and migrated, not yet listening. Throws what the stores throw when they cannot be opened. */
export async function createApp(
  config: Config,
  secrets: Secrets,
  log: Logger,
  overrides: Overrides = {},
): Promise<App> {
  const keyring = new Keyring()
  const clock = overrides.clock ?? { now: () => new Date() }
  const random = secureRandom
  const evaluation = config.mode === 'evaluation'
  const storage = await openStorage(config, secrets, keyring, log)
  try {
    const { database, ephemeral } = storage
    const viewsDir = fromHere('../views')
    const renderer = createRenderer({ viewsDir, brandName: config.brandName, evaluation })
    const pages = new Pages(renderer, { brandName: config.brandName, evaluation, clock })

    const hasher = passwordHasher(config, keyring, log)
    const policy = passwordPolicy(config)
    const outbound = await openOutbound(config, log)
    const mail = overrides.mail ?? mailTransport(config, secrets, storage)
    const telemetry = await openTelemetry({ config, storage, hasher, outbound, mail })
    const { measures, tracing, operations } = telemetry
    const throttle = new Throttle(ephemeral, { ...DEFAULT_LIMITS, ...overrides.limits })
    const services = servicesOfPages({ storage, keyring, hasher, throttle, clock, policy, measures })

    const accessEnded = () => outbox.notices.poke()
    const mailSoon = () => outbox.mail.poke()
    const {
      engine,
      live,
      outwardPages,
      events,
      failures,
      refreshWindow,
      metadata,
      resources,
      signingKeys: signing,
      authorizationTypes,
      access,
      clientsChanged,
      approvalAnswers,
    } = await openEngine(
      {
        config,
        secrets,
        storage,
        keyring,
        clock,
        log,
        pages,
        outbound,
        accessEnded,
        services,
        mailSoon,
        telemetry,
      },
      overrides.failureLimits,
    )
    const declared = [
      docsClient(config.issuer),
      ...(await authClients(config, database, clientsChanged)),
      ...(await readClients(config.clientsFile)),
      ...(overrides.clients ?? []),
    ]
    await applyDeclaredClients(engine.provider, database.clients, keyring, declared)
    const apis = resourceServers(config, storage)
    await apis.declare(config.resourceServers)

    const absolute = (path: string) => config.issuer + path
    const outbox = outboxWorkers({
      ...{ config, storage, keyring, clock, log, viewsDir, mail, engine, outbound },
      approvals: services.approvals,
    })
    const watches = [
      keyWatch(storage, secrets, keyring, log),
      ...signingKeyWatches(storage, signing, live, log),
      ...auditWatches(config, storage, log),
    ]
    const purge = openPurge({ config, storage, clock, accessEnded, mailSoon }, log)

    const unit = unitOfWork({
      ...{ units: storage.units, pages: outwardPages, failures, refreshWindow, isUnavailable, isUnstorable },
    })
    let setupToken: string | undefined
    // A new link makes the one before worthless, so the one in hand is shown for as long as it is good.
    const setupUrl = async () => {
      if (setupToken === undefined || !(await services.setup.isValid(setupToken)))
        setupToken = await services.setup.issueToken()
      return setupToken === undefined ? undefined : absolute(paths.setup(setupToken))
    }
    // A probe must not become a conversation with the mail server each time.
    const mailCheck = remembered(() => timed(() => mail.health()), 15_000)
    const startableApps = remembered(() => openableApps(database.clients), 10_000)
    let accepting = true
    const browser = new Browser({ keyed: keyring, random, secure: config.issuer.startsWith('https:') })
    const koa = createHttpApp({
      engine,
      services,
      database,
      pages,
      browser,
      clock,
      log,
      ephemeral,
      openRegistration: config.registration.mode === 'open',
      authorizationTypes,
      isUnavailable,
      unitOfWork: unit,
      metrics: { measures, token: secrets.metricsToken },
      ...{ tracing, operations },
      api: openApi({
        ...{ config, storage, keyring, log, engine, access, clientsChanged, hasher, throttle, policy },
        ...{ services, clock, unit, accessEnded, operations, outbound },
        webhooksSoon: () => outbox.webhooks.poke(),
        mailSoon,
      }),
      ...{ passwordPolicy: policy, approvalAnswers, mailSoon },
      mailboxUrl: config.mail.kind === 'mailbox' && evaluation ? paths.mailbox : undefined,
      resourceMetadata: metadata,
      resources,
      assetsDir: `${viewsDir}/assets`,
      frontDoor: {
        issuer: config.issuer,
        trustedProxies: config.trustedProxies,
        mtls: config.mtls,
        redirectLoopback: evaluation,
        withRequestId,
      },
      health: {
        vital: ['database', 'clock'],
        accepting: () => accepting,
        checks: async () => ({ ...(await storage.health()), mail: await mailCheck() }),
        vitalChecks: () => storage.vitalHealth(),
      },
      home: {
        pages,
        issuer: config.issuer,
        samplesOrigin: config.samples?.origin,
        apps: startableApps,
        setupUrl,
      },
      mailbox: evaluation ? { pages, browser, outbox: database.outbox, mails: storage.mailbox } : undefined,
    })

    const server = serve({
      handler: koa.callback(),
      hosts: config.listen.hosts,
      port: config.listen.port,
      drainDelaySeconds: config.drainDelaySeconds,
      drainSeconds: config.drainSeconds,
    })
    return {
      config,
      storage,
      engine,
      signingKeys: signing,
      outbound,
      resourceServers: apis,
      log,
      setupUrl,
      needsSetup: () => services.setup.isOpen(),
      async listen() {
        await server.listen()
        for (const worker of Object.values(outbox)) worker.start()
        purge.start()
        for (const watch of watches) watch.start()
      },
      async close(farewell = 'at once') {
        // Replaced, this process goes, and the address stays ready: probes must not turn people away.
        accepting = farewell === 'replaced'
        await server.leave(farewell)
        await Promise.all([
          server.close(),
          finishMail(outbox, mail, config.drainSeconds),
          purge.stop(),
          ...watches.map((watch) => watch.stop()),
        ])
        await Promise.all([events.settled(), failures.settled(), hasher.close()])
        await telemetry.close()
        await mail.close()
        await storage.close()
      },
    }
  } catch (error) {
    await storage.close()
    throw error
  }
}
