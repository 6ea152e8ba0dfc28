/**
 * The `ostiary` command: its groups, and what holds for all of them. A group is one file with one function that adds its
 * subcommands; it says what they are called and take, does their work by the services that the API uses, and answers
 * (answer.ts). Rules:
 *  - every command takes `--json` and has an example (`leaf`);
 *  - it opens the stores with `withStorage` (stores.ts), and asks with `confirmed` (confirm.ts) before what is dangerous;
 *  - long work shows its `progress` (progress.ts);
 *  - what it refuses it throws: `Refusal` (exit code 1), `UsageError` (2), or the errors of the domain.
 */
import { Command } from 'commander'
import { version } from '../version.ts'
import { asJson, fail } from './answer.ts'
import { auditCommands } from './audit.ts'
import { authorizationTypeCommands } from './authorization-type.ts'
import { backupCommands } from './backup.ts'
import { clientCommands } from './client.ts'
import { completionCommand } from './completion.ts'
import { configCommands } from './config.ts'
import { conformanceCommand } from './conformance.ts'
import { dataKeyCommands } from './data-key.ts'
import { declarationCommands } from './declarations.ts'
import { doctorCommand } from './doctor.ts'
import { explainCommand } from './explain.ts'
import { hashingCommand } from './hashing.ts'
import { initialAccessTokenCommands } from './initial-access-token.ts'
import { insightCommands } from './insight.ts'
import { keyCommands } from './key.ts'
import { migrateCommands } from './migrate.ts'
import { outboxCommands } from './outbox.ts'
import { resourceServerCommands } from './resource-server.ts'
import { roleCommands } from './role.ts'
import { setupLinkCommand } from './setup-link.ts'
import { startCommand } from './start.ts'
import { statusCommand } from './status.ts'
import { exportCommands, importCommands } from './transfer.ts'
import { userCommands } from './user.ts'
import { webhookCommands } from './webhook.ts'

/** In the order of `ostiary --help`. */
const GROUPS: ((program: Command) => void)[] = [
  startCommand,
  setupLinkCommand,
  migrateCommands,
  configCommands,
  doctorCommand,
  statusCommand,
  userCommands,
  insightCommands,
  importCommands,
  exportCommands,
  roleCommands,
  clientCommands,
  resourceServerCommands,
  initialAccessTokenCommands,
  authorizationTypeCommands,
  keyCommands,
  dataKeyCommands,
  auditCommands,
  outboxCommands,
  backupCommands,
  declarationCommands,
  webhookCommands,
  explainCommand,
  conformanceCommand,
  hashingCommand,
  completionCommand,
]

const ABOUT = `
Settings come from the environment and config/ostiary.json, as for the server.
Every command takes --json: one JSON document on stdout, and errors as JSON on stderr.

Exit codes: 0 done; 1 failed, nothing or not all was done; 2 wrong usage; 3 done, and found something to mend.`

/** The command with all its groups; running it throws, and ends no process. */
export function ostiary(): Command {
  const program = new Command('ostiary')
    .description('Ostiary, a self-hosted OpenID Connect provider')
    .version(version, '--version')
    .helpCommand('help [command]', 'how a command is used')
    .addHelpText('after', ABOUT)
    .exitOverride()
    .configureOutput({ writeErr: (text) => asJson() || process.stderr.write(text) })
    .showHelpAfterError()
    .showSuggestionAfterError()
    .enablePositionalOptions()
  for (const group of GROUPS) group(program)
  return program
}

/** Runs one command line to its end: whatever happens is told, and becomes the exit code. */
export async function runProgram(argv: readonly string[]): Promise<void> {
  for (const out of [process.stdout, process.stderr]) out.on('error', readerIsGone)
  const program = ostiary()
  let running = program
  program.hook('preAction', (_, command) => {
    running = command
  })
  try {
    await program.parseAsync(argv)
  } catch (error) {
    fail(error, running)
  }
}

/** `ostiary … | head`: who has read enough is no fault, and what was done was done. */
function readerIsGone(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}
