/** `npm run client-lint`: what is weak in each client, worst first, and the one change that mends it. Changes nothing. */
import { parseArgs } from 'node:util'
import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import { Keyring } from '../crypto/keyring.ts'
import type { Client } from '../domain/clients/client.ts'
import { lint, type Weakness } from '../domain/clients/lint.ts'
import { explainStartFailure } from '../start-failure.ts'
import { chooseStorage } from '../storage/choose.ts'

const USAGE = `usage: npm run client-lint [-- OPTIONS] [CLIENT_ID …]

Says what is weak in the clients (all, or those named) and which change mends it. Changes nothing.

  --json     for programs
  --strict   exit code 1 for warnings too, not for errors alone`

interface Finding {
  clientId: string
  weaknesses: Weakness[]
}

try {
  await main()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : explainStartFailure(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const options = readArguments()
  if (!options) return
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const storage = await chooseStorage({
    database:
      config.database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: 2 }
        : config.database,
    atRest: new Keyring(),
    onError: (error) => console.error(error.message),
  })
  try {
    await storage.migrate()
    const clients = await storage.database.clients.list()
    const unknown = options.ids.filter((id) => !clients.some((client) => client.id === id))
    if (unknown.length > 0) throw new Error(`there is no client ${unknown.join(', ')}`)
    const looked = clients.filter(({ id }) => options.ids.length === 0 || options.ids.includes(id))
    const findings = looked.map((client) => ({ clientId: client.id, weaknesses: lint(client) }))
    console.log(options.json ? JSON.stringify(findings, null, 2) : inWords(findings, looked))
    const bad = options.strict ? ['error', 'warning'] : ['error']
    if (findings.some(({ weaknesses }) => weaknesses.some(({ severity }) => bad.includes(severity))))
      process.exitCode = 1
  } finally {
    await storage.close()
  }
}

function readArguments(): { json: boolean; strict: boolean; ids: string[] } | undefined {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        help: { type: 'boolean', short: 'h', default: false },
        json: { type: 'boolean', default: false },
        strict: { type: 'boolean', default: false },
      },
    })
    if (values.help) console.log(USAGE)
    else return { json: values.json, strict: values.strict, ids: positionals }
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 2
  }
  return undefined
}

function inWords(findings: readonly Finding[], clients: readonly Client[]): string {
  if (clients.length === 0) return 'There are no clients yet.'
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
