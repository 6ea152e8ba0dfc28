/** `ostiary client`: the applications known here. */
import type { Command } from 'commander'
import { lint, type Weakness } from '../domain/clients/lint.ts'
import type { ClientRepository } from '../domain/ports.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { clientAccessCommands } from './client-access.ts'
import { clientChangeCommands } from './client-changes.ts'
import { secretCommands } from './client-secrets.ts'
import { group, leaf } from './leaf.ts'
import { withStorage } from './stores.ts'

interface Finding {
  clientId: string
  weaknesses: Weakness[]
}

export function clientCommands(program: Command): void {
  const client = group(program, 'client', 'applications')
  clientChangeCommands(client)
  secretCommands(client)
  clientAccessCommands(client)
  leaf(client, 'lint', {
    summary: 'what is weak in clients, worst first, and what mends it',
    description: `Says what is weak in the clients (all, or those named) and which change mends it. Changes nothing. Exit code 3
when there are errors.`,
    examples: ['client lint', 'client lint --strict web spa'],
  })
    .argument('[client-id...]', 'only these')
    .option('--strict', 'exit code 3 for warnings too')
    .action(
      answers((ids: string[], { strict = false }: { strict?: boolean }) =>
        withStorage(({ storage }) => linted(storage.database.clients, ids, strict)),
      ),
    )
}

async function linted(
  repository: ClientRepository,
  ids: readonly string[],
  strict: boolean,
): Promise<Answer> {
  const clients = await repository.list()
  const unknown = ids.filter((id) => !clients.some((client) => client.id === id))
  if (unknown.length > 0) throw new Refusal('not_found', `there is no client ${unknown.join(', ')}`)
  const looked = clients.filter(({ id }) => ids.length === 0 || ids.includes(id))
  const json: Finding[] = []
  for (const client of looked)
    json.push({ clientId: client.id, weaknesses: lint(client, await repository.secrets(client.id)) })
  const bad = strict ? ['error', 'warning'] : ['error']
  const found = json.some(({ weaknesses }) => weaknesses.some(({ severity }) => bad.includes(severity)))
  return { json, words: inWords(json), found }
}

function inWords(findings: readonly Finding[]): string {
  if (findings.length === 0) return 'There are no clients yet.'
  return findings
    .map(({ clientId, weaknesses }) =>
      weaknesses.length === 0
        ? `${clientId}: nothing to mend`
        : [
            `${clientId}:`,
            ...weaknesses.map(
              ({ severity, what, change }) => `  ${severity.padEnd(7)}  ${what}\n           -> ${change}`,
            ),
          ].join('\n'),
    )
    .join('\n\n')
}
