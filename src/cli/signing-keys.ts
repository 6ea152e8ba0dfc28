/** `npm run signing-keys`: what signs tokens and cookies, and changing it while everything runs. */
import { parseArgs } from 'node:util'
import { signingKeys } from '../app-parts.ts'
import { isDomainError } from '../domain/errors.ts'
import { KEY_LINES, type KeyLine } from '../domain/keys/key.ts'
import type { Storage } from '../storage/choose.ts'
import { type Opened, readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run signing-keys [-- status | rotate [ES256 | RS256 | PS256 | EdDSA | cookie] | revoke KID]

  status    list the keys that sign tokens and cookies; change nothing
  rotate    publish a next key for each algorithm and for cookies, or for the one named. It signs eleven minutes later,
            when every app knows it; nothing fails and nobody is signed out
  revoke    take away a key that somebody else may have, at once. Tokens it signed are refused; apps that keep the key
            set may refuse new ones for up to ten minutes; of a cookie key, everybody who has it is signed out

Every process follows by itself within seconds.`

type Command = { do: 'status' } | { do: 'rotate'; only: KeyLine | undefined } | { do: 'revoke'; kid: string }

await runCommand(async () => {
  const command = readArguments(USAGE, readCommand)
  if (command) await withStorage((opened) => run(command, opened))
})

async function run(command: Command, { config, storage }: Opened): Promise<void> {
  const offered: readonly KeyLine[] = [...config.signing.algorithms, 'cookie']
  if (command.do === 'rotate' && command.only && !offered.includes(command.only))
    return fail(`Nothing was changed: ${command.only} is not offered; SIGNING_ALGORITHMS says what is.`)
  const keys = signingKeys(config, storage)
  if (command.do === 'rotate') {
    // The first start makes the first keys; here may be nothing to follow yet.
    await keys.advance()
    const made = await keys.rotate(command.only, 'cli')
    if (made.length === 0) console.log('Nothing was changed: the next keys are on their way already.')
  }
  if (command.do === 'revoke') await revoke(() => keys.revoke(command.kid, 'cli'), command.kid)
  await report(storage)
}

async function revoke(work: () => Promise<unknown>, kid: string): Promise<void> {
  try {
    await work()
  } catch (error) {
    if (!isDomainError(error, 'not_found')) throw error
    fail(`Nothing was changed: no key "${kid}" is in use.`)
  }
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}

async function report({ database }: Storage): Promise<void> {
  for (const { kid, line, state, since } of await database.signingKeys.list())
    console.log(
      `${line.padEnd(6)}  ${kid}  ${state.padEnd(8)}  since ${since.toISOString().slice(0, 19).replace('T', ' ')} UTC`,
    )
}

function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  const [word = 'status', argument, ...more] = positionals
  if (values.help || word === 'help') {
    console.log(USAGE)
    return undefined
  }
  const only = KEY_LINES.find((line) => line === argument)
  if (more.length === 0) {
    if (word === 'status' && argument === undefined) return { do: 'status' }
    if (word === 'rotate' && (argument === undefined || only)) return { do: 'rotate', only }
    if (word === 'revoke' && argument !== undefined) return { do: 'revoke', kid: argument }
  }
  throw new Error(`"${positionals.join(' ')}" is not a command`)
}
