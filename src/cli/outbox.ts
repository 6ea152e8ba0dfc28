/** `ostiary outbox`: mails and notices that were given up, tried again or dropped. What they say is not shown. */
import { Argument, type Command } from 'commander'
import { type DeadLetter, DeadLetters, type Which } from '../domain/operations/dead-letters.ts'
import { OUTBOX_KINDS } from '../domain/outbox.ts'
import type { Storage } from '../storage/choose.ts'
import { type Answer, answers } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf, line, moment } from './leaf.ts'
import { BY_ITSELF, CLI } from './services.ts'
import { withStorage } from './stores.ts'

const SHOWN = 200

export function outboxCommands(program: Command): void {
  const outbox = group(program, 'outbox', 'mails and notices that could not be delivered')
  const which = () => new Argument('<which>', `the id of one, or all of a kind: ${OUTBOX_KINDS.join(', ')}`)
  leaf(outbox, 'list', {
    summary: `what was given up, the newest ${SHOWN}`,
    examples: ['outbox list'],
  }).action(answers(() => withStorage(({ storage }) => report(storage))))
  leaf(outbox, 'replay', {
    summary: 'try to deliver again: one, or all of a kind',
    description: 'Makes them due again; the running processes take them within seconds.',
    examples: ['outbox replay mail', 'outbox replay 5f0c7c1e-7a55-4a0e-9d56-0c3b1c8f9a11'],
  })
    .addArgument(which())
    .action(answers((text: string) => change((letters) => letters.replay(whichOf(text), CLI), 'tried again')))
  leaf(outbox, 'discard', {
    summary: 'drop for good: one, or all of a kind',
    examples: ['outbox discard backchannel-logout --yes'],
  })
    .addArgument(which())
    .option('--yes', 'do not ask')
    .action(
      answers(async (text: string, options: { yes?: boolean }) => {
        await confirmed('What is dropped is never delivered.', options)
        return change((letters) => letters.discard(whichOf(text), CLI), 'dropped')
      }),
    )
}

function whichOf(text: string): Which {
  const kind = OUTBOX_KINDS.find((one) => one === text)
  return kind ? { kind } : { id: text }
}

function change(work: (letters: DeadLetters) => Promise<number>, done: string): Promise<Answer> {
  return withStorage(async ({ storage }) => {
    const count = await work(lettersOf(storage))
    return { json: { count }, words: `${count} ${done}.` }
  })
}

async function report(storage: Storage): Promise<Answer> {
  const { items: json } = await lettersOf(storage).list({ limit: SHOWN })
  return { json, words: json.map(lineOf).join('\n') || 'Everything was delivered, or is on its way.' }
}

function lineOf({ id, kind, clientId, attempts, error, diedAt }: DeadLetter): string {
  return line(id, kind, clientId, moment(diedAt), `${attempts} tries`, error)
}

function lettersOf({ database }: Storage): DeadLetters {
  return new DeadLetters({ database, mailSoon: BY_ITSELF })
}
