/** `npm run migrate [up|down|status]`: brings the database to this version's schema, or one step back. */

import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import { Keyring } from '../crypto/keyring.ts'
import { explainStartFailure } from '../start-failure.ts'
import { openMigrations } from '../storage/choose.ts'

const USAGE = `usage: npm run migrate [-- up | down | status]

  up      apply everything that is missing (the default; also done at every start)
  down    take the newest migration back
  status  list what is applied and what is missing`

try {
  await main(process.argv[2] ?? 'up')
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : explainStartFailure(error))
  process.exitCode = 1
}

async function main(command: string): Promise<void> {
  if (!['up', 'down', 'status'].includes(command)) {
    console.error(USAGE)
    process.exitCode = command === '--help' || command === 'help' ? 0 : 2
    return
  }
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const migrations = await openMigrations({
    database:
      config.database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: 2 }
        : config.database,
    atRest: new Keyring(),
    onError: (error) => console.error(error.message),
  })
  try {
    if (command === 'up') report('applied', (await migrations.up()).applied)
    else if (command === 'down') report('taken back', (await migrations.down()).reverted)
    else {
      const { applied, pending } = await migrations.status()
      report('applied', applied)
      if (pending.length > 0) report('missing', pending)
    }
  } finally {
    await migrations.close()
  }
}

function report(what: string, names: readonly string[]): void {
  console.log(names.length === 0 ? 'nothing to do' : names.map((name) => `${what}  ${name}`).join('\n'))
}
