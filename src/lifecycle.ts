/**
 * The life of one serving process: start (waiting for a database that is still starting), ready, stop. What is served
 * is made in `app.ts`; a worker of a primary (`workers.ts`) lives the same life and takes its orders from there.
 */
import { createHash } from 'node:crypto'
import { type App, createApp, type Overrides } from './app.ts'
import type { Config, Secrets } from './config/config.ts'
import type { Logger } from './lib/log.ts'
import { type Farewell, type Serving, serve } from './server.ts'
import { obeyStopOrders, stopLimitMs } from './stop-orders.ts'
import { isUnavailable } from './storage/faults.ts'
import { printWelcome } from './welcome.ts'
import { primaryOf } from './workers.ts'

const START_TRIES = 10
const START_PAUSE_MS = 3000

/**
 * Resolves when the process is ready; it goes on until it is told to stop, and then exits.
 * @throws what the stores and the ports throw when they cannot be opened
 */
export async function runServer(
  config: Config,
  secrets: Secrets,
  log: Logger,
  { startedByNpm }: { startedByNpm: boolean },
): Promise<void> {
  const open: Open = {}
  const primary = primaryOf()
  // From the beginning: as the first process of a container we would be deaf to signals that nobody handles.
  if (primary) primary.obey((farewell) => void stop(open, farewell, 'the primary', log))
  else
    obeyStopOrders({
      stop: (reason) => void stop(open, 'announced', reason, log),
      atOnce: () => giveUp(log, 'told to stop once more: what is left is given up'),
      startedByNpm,
    })
  const samples = config.samples && (await prepareSamples(config, config.samples, secrets, log))
  const app = await start(config, secrets, log, samples?.overrides ?? {})
  try {
    await app.listen()
    await samples?.serving.listen()
  } catch (error) {
    await app.close()
    throw error
  }
  // Asked before a stop has something to close: it must not find the store in the middle of an answer.
  const needsSetup = config.mode === 'production' && (await app.needsSetup())
  Object.assign(open, { app, samples: samples?.serving })
  log.info({ issuer: config.issuer, mode: config.mode }, 'ready')
  if (config.mode === 'production' && config.registration.mode === 'open')
    log.warn({}, 'REGISTRATION=open: anybody may register an app here; people are always asked for consent')
  if (config.mode === 'production' && config.api.auth)
    log.warn({}, 'AUTH_API=on: whatever app asks may sign people in and register them, password in hand')
  primary?.ready()
  try {
    if (config.mode === 'evaluation') await printWelcome(app, secrets.initialAccessToken)
    else if (needsSetup) log.warn({}, 'there is no administrator yet: run "ostiary setup-link"')
  } catch (error) {
    // A stop right after the start takes away what these lines still ask for.
    if (!open.stopping) throw error
  }
}

/** A database that is still starting gets half a minute; anything else fails at once. */
async function start(config: Config, secrets: Secrets, log: Logger, overrides: Overrides): Promise<App> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await createApp(config, secrets, log, overrides)
    } catch (error) {
      if (!isUnavailable(error) || attempt === START_TRIES) throw error
      log.warn(
        { attempt, of: START_TRIES, reason: (error as Error).message },
        'the database does not answer; trying again in 3 seconds',
      )
      await new Promise((resolve) => setTimeout(resolve, START_PAUSE_MS))
    }
  }
}

async function prepareSamples(
  config: Config,
  samples: { port: number; origin: string },
  secrets: Secrets,
  log: Logger,
) {
  // Production has no use for them.
  const { createSamples, sampleApiAudience, sampleClients } = await import('./samples/server.ts')
  // The same at every start, so that a session of the sample app outlives a restart of Ostiary.
  const secret = createHash('sha256').update(secrets.rootKey).update('sample-web').digest('base64url')
  const clients = sampleClients(samples.origin, secret)
  const app = createSamples({
    issuer: config.issuer,
    origin: samples.origin,
    webClient: { id: 'sample-web', secret },
    spaClient: { id: 'sample-spa' },
    tvClient: { id: 'sample-tv' },
    apiAudience: sampleApiAudience(samples.origin),
    mailboxUrl: `${config.issuer}/mailbox`,
    homeUrl: config.issuer,
    log: (message, err) => log.warn({ err }, message),
  })
  const serving = serve({
    handler: app.callback(),
    hosts: config.listen.hosts,
    port: samples.port,
    drainDelaySeconds: 0,
    drainSeconds: 1,
  })
  return { serving, overrides: { clients } satisfies Overrides }
}

/** What a stop has to close. Without an app nothing is open yet that would need care. */
interface Open {
  app?: App
  samples?: Serving | undefined
  stopping?: true
}

async function stop(open: Open, farewell: Farewell, reason: string, log: Logger): Promise<void> {
  const { app, samples, stopping } = open
  if (stopping) return
  open.stopping = true
  if (!app) process.exit()
  log.info({ reason, farewell }, 'stopping: requests in flight are finished first')
  setTimeout(
    () => giveUp(log, 'the stop took too long; what is left is given up'),
    stopLimitMs(app.config),
  ).unref()
  try {
    await samples?.close()
    await app.close(farewell)
    log.info({}, 'stopped')
  } catch (err) {
    log.error({ err }, 'the stop was not clean')
    process.exitCode = 1
  }
  process.exit()
}

function giveUp(log: Logger, words: string): never {
  log.error({}, words)
  process.exit(1)
}
