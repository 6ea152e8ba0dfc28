/** `npm run client-lint`: what is weak in each client, worst first, and the one change that mends it. Changes nothing. */
import { parseArgs } from 'node:util'
import { lint, type Weakness } from '../domain/clients/lint.ts'
import type { ClientRepository } from '../domain/ports.ts'
import { readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run client-lint [-- OPTIONS] [CLIENT_ID …]

Says what is weak in the clients (all, or those named) and which change mends it. Changes nothing.

  --json     for programs
  --strict   exit code 1 for warnings too, not for errors alone`

interface Finding {
  clientId: string
  weaknesses: Weakness[]
}

await runCommand(async () => {
  const options = readArguments(USAGE, readOptions)
  if (options) await withStorage(async ({ storage }) => report(storage.database.clients, options))
})

async function report(repository: ClientRepository, { ids, json, strict }: Options): Promise<void> {
  const clients = await repository.list()
  const unknown = ids.filter((id) => !clients.some((client) => client.id === id))
  if (unknown.length > 0) throw new Error(`there is no client ${unknown.join(', ')}`)
  const looked = clients.filter(({ id }) => ids.length === 0 || ids.includes(id))
  const findings: Finding[] = []
  for (const client of looked)
    findings.push({ clientId: client.id, weaknesses: lint(client, await repository.secrets(client.id)) })
  console.log(json ? JSON.stringify(findings, null, 2) : inWords(findings))
  const bad = strict ? ['error', 'warning'] : ['error']
  if (findings.some(({ weaknesses }) => weaknesses.some(({ severity }) => bad.includes(severity))))
    process.exitCode = 1
}

interface Options {
  json: boolean
  strict: boolean
  ids: string[]
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      json: { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
    },
  })
  if (!values.help) return { json: values.json, strict: values.strict, ids: positionals }
  console.log(USAGE)
  return undefined
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
