/** `ostiary migrate`: brings the database to this version's schema, or one step back. */
import type { Command } from 'commander'
import { openMigrations } from '../storage/choose.ts'
import { type Answer, answers } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf } from './leaf.ts'
import { readConfig } from './stores.ts'

type Migrations = Awaited<ReturnType<typeof openMigrations>>

export function migrateCommands(program: Command): void {
  const migrate = group(program, 'migrate', "bring the database to this version's schema, or one step back")
  leaf(
    migrate,
    'up',
    { summary: 'apply everything that is missing (also done at every start)', examples: ['migrate up'] },
    { isDefault: true },
  ).action(answers(() => opened(async ({ up }) => changed('applied', (await up()).applied))))
  leaf(migrate, 'down', {
    summary: 'take the newest migration back',
    description: 'Takes the newest migration back. What only it can hold is lost: make a backup first.',
    examples: ['migrate down --yes'],
  })
    .option('--yes', 'do not ask')
    .action(
      answers(async (options: { yes?: boolean }) => {
        await confirmed('The newest migration is taken back, with the data in what it made.', options)
        return opened(async ({ down }) => changed('taken back', (await down()).reverted))
      }),
    )
  leaf(migrate, 'status', {
    summary: 'list what is applied and what is missing; exit code 3 when something is missing',
    examples: ['migrate status', 'migrate status --json'],
  }).action(
    answers(() =>
      opened(async ({ status }) => {
        const { applied, pending } = await status()
        const words = [lines('applied', applied), lines('missing', pending)].filter(Boolean).join('\n')
        return { json: { applied, pending }, words, found: pending.length > 0 }
      }),
    ),
  )
}

async function opened(work: (migrations: Migrations) => Promise<Answer>): Promise<Answer> {
  const migrations = await openMigrations(readConfig().options)
  try {
    return await work(migrations)
  } finally {
    await migrations.close()
  }
}

function changed(what: 'applied' | 'taken back', names: readonly string[]): Answer {
  const json = what === 'applied' ? { applied: names } : { reverted: names }
  return { json, words: lines(what, names) || 'nothing to do' }
}

const lines = (what: string, names: readonly string[]) => names.map((name) => `${what}  ${name}`).join('\n')
