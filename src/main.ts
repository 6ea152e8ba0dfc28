/** Load the configuration, create the app, listen; SIGTERM and SIGINT drain. No rules here. */
import { createHash } from 'node:crypto'
import { type App, createApp, type Overrides } from './app.ts'
import type { Config, Secrets } from './config/config.ts'
import { ConfigError, loadConfig } from './config/load.ts'
import { readSettings, startedByNpm } from './config/read-env.ts'
import type { Logger } from './lib/log.ts'
import { createSamples, sampleApiAudience, sampleClients } from './samples/server.ts'
import { type Serving, serve } from './server.ts'
import { explainStartFailure } from './start-failure.ts'
import { isUnavailable } from './storage/faults.ts'
import { createLogger } from './telemetry/logger.ts'
import { printWelcome } from './welcome.ts'

const START_TRIES = 10
const START_PAUSE_MS = 3000
/** for mail in hand and open stores, after the requests are done */
const STOP_GRACE_MS = 10_000

let stopping = false

try {
  await main()
} catch (error) {
  // A stop right after the start takes away what its last lines still ask for.
  if (!stopping) fail(error)
}

function fail(error: unknown): void {
  process.stderr.write(`\n${error instanceof ConfigError ? error.message : explainStartFailure(error)}\n\n`)
  process.exitCode = 1
  // Whatever a half-made start left open must not keep a failed process alive.
  setTimeout(() => process.exit(1), 1000).unref()
}

async function main(): Promise<void> {
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const log = createLogger(config.logLevel)
  const samples = config.samples && prepareSamples(config, config.samples, secrets, log)
  const app = await start(config, secrets, log, samples?.overrides ?? {})
  try {
    await app.listen()
    await samples?.serving.listen()
  } catch (error) {
    await app.close()
    throw error
  }
  // Asked before the signals are ours: a stop must not find the store in the middle of an answer.
  const needsSetup = config.mode === 'production' && (await app.needsSetup())
  stopOnSignals(app, samples?.serving, log)
  log.info({ issuer: config.issuer, mode: config.mode, pid: process.pid }, 'ready')
  if (config.mode === 'evaluation') await printWelcome(app, secrets.initialAccessToken)
  else if (needsSetup) log.warn({}, 'there is no administrator yet: run "npm run setup-link"')
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

function prepareSamples(
  config: Config,
  samples: { port: number; origin: string },
  secrets: Secrets,
  log: Logger,
) {
  // The same at every start, so that a session of the sample app outlives a restart of Ostiary.
  const secret = createHash('sha256').update(secrets.rootKey).update('sample-web').digest('base64url')
  const clients = sampleClients(samples.origin, secret)
  const app = createSamples({
    issuer: config.issuer,
    origin: samples.origin,
    webClient: { id: 'sample-web', secret },
    spaClient: { id: 'sample-spa' },
    apiAudience: sampleApiAudience(samples.origin),
    mailboxUrl: `${config.issuer}/mailbox`,
    homeUrl: config.issuer,
    log: (message, err) => log.warn({ err }, message),
  })
  const serving = serve({
    handler: app.callback(),
    hosts: config.listen.hosts,
    port: samples.port,
    drainSeconds: 1,
  })
  return { serving, overrides: { clients } satisfies Overrides }
}

function stopOnSignals(app: App, samples: Serving | undefined, log: Logger): void {
  const stop = async (signal: string) => {
    if (stopping) return
    stopping = true
    log.info({ signal }, 'stopping: requests in flight are finished first')
    const tooLong = () => {
      log.error({}, 'the stop took too long; what is left is given up')
      process.exit(1)
    }
    setTimeout(tooLong, app.config.drainSeconds * 1000 + STOP_GRACE_MS).unref()
    try {
      await samples?.close()
      await app.close()
      log.info({}, 'stopped')
    } catch (err) {
      log.error({ err }, 'the stop was not clean')
      process.exitCode = 1
    }
    process.exit()
  }
  process.on('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGINT', () => void stop('SIGINT'))
  if (startedByNpm()) onParentGone(() => void stop('npm ended'))
}

/** npm runs scripts in a shell that dies of a signal without passing it on; left alone we would hold the port. */
function onParentGone(stop: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    stop()
  }, 500)
  timer.unref()
}
