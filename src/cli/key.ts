/** `ostiary key`: what signs tokens and cookies, and changing it while everything runs. */
import { Argument, type Command } from 'commander'
import { signingKeys } from '../app-parts.ts'
import { isDomainError } from '../domain/errors.ts'
import { KEY_LINES, type KeyLine } from '../domain/keys/key.ts'
import type { Storage } from '../storage/choose.ts'
import { type Answer, answers, note, Refusal } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf, moment } from './leaf.ts'
import { CLI } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

const DONE = 'Every process follows by itself within seconds.'

export function keyCommands(program: Command): void {
  const key = group(program, 'key', 'the keys that sign tokens and cookies')
  leaf(key, 'list', {
    summary: 'the keys, the state of each, and since when',
    examples: ['key list'],
  }).action(answers(() => withStorage(({ storage }) => report(storage))))
  leaf(key, 'rotate', {
    summary: 'publish a next key for each algorithm and for cookies, or for one',
    description: `Publishes a next key for each algorithm and for cookies, or for the one named. It signs eleven minutes later,
when every app knows it; nothing fails and nobody is signed out. ${DONE}`,
    examples: ['key rotate', 'key rotate ES256'],
  })
    .addArgument(new Argument('[line]', 'an algorithm, or cookie').choices(KEY_LINES))
    .action(answers((line: KeyLine | undefined) => withStorage((opened) => rotate(line, opened))))
  leaf(key, 'revoke', {
    summary: 'take away a key that somebody else may have, at once',
    description: `Takes away a key that somebody else may have, at once. Tokens it signed are refused; apps that keep the key set
may refuse new ones for up to ten minutes; of a cookie key, everybody who has it is signed out. ${DONE}`,
    examples: ['key revoke 4Yw1bXzP3sKd0a9Q --yes'],
  })
    .argument('<kid>', 'as "key list" shows it')
    .option('--yes', 'do not ask')
    .action(
      answers(async (kid: string, options: { yes?: boolean }) => {
        await confirmed(`What key "${kid}" signed is refused from now on.`, options)
        return withStorage((opened) => revoke(kid, opened))
      }),
    )
}

async function rotate(only: KeyLine | undefined, { config, storage }: Opened): Promise<Answer> {
  const offered: readonly KeyLine[] = [...config.signing.algorithms, 'cookie']
  if (only && !offered.includes(only))
    throw new Refusal(
      'not_offered',
      `Nothing was changed: ${only} is not offered; SIGNING_ALGORITHMS says what is.`,
    )
  const keys = signingKeys(config, storage)
  // The first start makes the first keys; here may be nothing to follow yet.
  await keys.advance()
  const made = await keys.rotate(only, CLI.by)
  if (made.length === 0) note('Nothing was changed: the next keys are on their way already.')
  return report(storage)
}

async function revoke(kid: string, { config, storage }: Opened): Promise<Answer> {
  try {
    await signingKeys(config, storage).revoke(kid, CLI.by)
  } catch (error) {
    if (!isDomainError(error, 'not_found')) throw error
    throw new Refusal('not_found', `Nothing was changed: no key "${kid}" is in use.`)
  }
  return report(storage)
}

async function report({ database }: Storage): Promise<Answer> {
  const keys = await database.signingKeys.list()
  // Never the keys themselves.
  const json = keys.map(({ kid, line, state, since }) => ({ kid, line, state, since }))
  const words = json.map(
    ({ kid, line, state, since }) => `${line.padEnd(6)}  ${kid}  ${state.padEnd(8)}  since ${moment(since)}`,
  )
  return { json, words: words.join('\n') }
}
