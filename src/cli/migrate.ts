/** `npm run migrate [up|down|status]`: brings the database to this version's schema, or one step back. */
import { openMigrations } from '../storage/choose.ts'
import { readConfig, runCommand } from './command.ts'

const USAGE = `usage: npm run migrate [-- up | down | status]

  up      apply everything that is missing (the default; also done at every start)
  down    take the newest migration back
  status  list what is applied and what is missing`

await runCommand(() => main(process.argv[2] ?? 'up'))

async function main(command: string): Promise<void> {
  if (!['up', 'down', 'status'].includes(command)) {
    console.error(USAGE)
    process.exitCode = command === '--help' || command === 'help' ? 0 : 2
    return
  }
  const migrations = await openMigrations(readConfig().options)
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
