/** `npm run explain CODE`: why a request failed and what to change, from the record that is kept for a day. */
import { parseArgs } from 'node:util'
import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import { Keyring } from '../crypto/keyring.ts'
import { asText, plain } from '../domain/failures/as-text.ts'
import { Explainer, findFailure } from '../domain/failures/service.ts'
import { SCOPES } from '../oidc/claims.ts'
import { explainStartFailure } from '../start-failure.ts'
import { chooseStorage } from '../storage/choose.ts'

const USAGE = `usage: npm run explain -- CODE [--json]

  CODE    from the error page (case and dash do not matter), or a request id (X-Request-Id)
  --json  prints the record and the explanation as JSON`

try {
  await main()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : explainStartFailure(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const options = { json: { type: 'boolean' }, help: { type: 'boolean' } } as const
  let parsed: ReturnType<typeof parseArgs<{ options: typeof options; allowPositionals: true }>>
  try {
    parsed = parseArgs({ options, allowPositionals: true })
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exitCode = 2
    return
  }
  const [code, ...others] = parsed.positionals
  if (parsed.values.help || code === undefined || others.length > 0) {
    console.error(USAGE)
    process.exitCode = parsed.values.help ? 0 : 2
    return
  }
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
    // A database that was never started on has no failures yet, and no table for them.
    await storage.migrate()
    const { clients, failures } = storage.database
    const failure = await findFailure(failures, code)
    if (!failure) {
      console.error(
        `Nothing is known under "${plain(code)}". Records are kept for a day, and only so many a minute.`,
      )
      process.exitCode = 1
      return
    }
    const server = { issuer: config.issuer, scopes: SCOPES, resources: config.resourceServers }
    const explanation = await new Explainer({ clients, server }).explain(failure, 'operator')
    console.log(
      parsed.values.json
        ? JSON.stringify({ failure, explanation }, undefined, 2)
        : asText(failure, explanation),
    )
  } finally {
    await storage.close()
  }
}
