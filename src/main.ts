/** Loads the configuration and hands over: to one serving process, or to a primary with several. No rules here. */
import cluster from 'node:cluster'
import { ConfigError, loadConfig } from './config/load.ts'
import { readSettings, startedByNpm } from './config/read-env.ts'
import { explainStartFailure } from './start-failure.ts'
import { createLogger } from './telemetry/logger.ts'

// The engine makes error objects that it never throws; each would pay for a deep stack.
Error.stackTraceLimit = 4

try {
  await main()
} catch (error) {
  process.stderr.write(`\n${error instanceof ConfigError ? error.message : explainStartFailure(error)}\n\n`)
  process.exitCode = 1
  // Whatever a half-made start left open must not keep a failed process alive.
  setTimeout(() => process.exit(1), 1000).unref()
}

async function main(): Promise<void> {
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const log = createLogger(config.logLevel)
  // Loaded when needed: a primary serves nothing and has no use for the engine, the pages or a database.
  if (config.workers > 1 && cluster.isPrimary) {
    const { runWorkers } = await import('./workers.ts')
    await runWorkers(config, log, { startedByNpm: startedByNpm() })
  } else {
    const { runServer } = await import('./lifecycle.ts')
    await runServer(config, secrets, log, { startedByNpm: startedByNpm() })
  }
}
