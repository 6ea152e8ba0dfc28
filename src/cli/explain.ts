/** `npm run explain CODE`: why a request failed and what to change, from the record that is kept for a day. */
import { parseArgs } from 'node:util'
import { explainer } from '../app-parts.ts'
import { asText, plain } from '../domain/failures/as-text.ts'
import { findFailure } from '../domain/failures/service.ts'
import { type Opened, readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run explain -- CODE [--json]

  CODE    from the error page (case and dash do not matter), or a request id (X-Request-Id)
  --json  prints the record and the explanation as JSON`

await runCommand(async () => {
  const asked = readArguments(USAGE, readOptions)
  if (asked) await withStorage((opened) => run(asked, opened))
})

async function run({ code, json }: Options, { config, storage }: Opened): Promise<void> {
  const failure = await findFailure(storage.database.failures, code)
  if (!failure) {
    console.error(
      `Nothing is known under "${plain(code)}". Records are kept for a day, and only so many a minute.`,
    )
    process.exitCode = 1
    return
  }
  const explanation = await explainer(config, storage).explain(failure, 'operator')
  console.log(json ? JSON.stringify({ failure, explanation }, undefined, 2) : asText(failure, explanation))
}

interface Options {
  code: string
  json: boolean
}

function readOptions(): Options | undefined {
  const { values, positionals } = parseArgs({
    options: { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
    allowPositionals: true,
  })
  if (values.help) {
    console.log(USAGE)
    return undefined
  }
  const [code, ...others] = positionals
  if (code === undefined || others.length > 0) throw new Error('one code is asked for')
  return { code, json: values.json }
}
