/**
 * `npm run conformance`: the read-only part of the conformance mirror against a deployment, of Ostiary or of another
 * provider. Speaks HTTP to the issuer's origin and knows nothing of what is behind it.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { runProbes } from '../conformance/probe.ts'
import { PROBES } from '../conformance/probes.ts'
import { asText } from '../conformance/report.ts'
import { Target, type TargetClient } from '../conformance/target.ts'

const USAGE = `usage: npm run conformance -- --issuer URL [OPTIONS]

Asks a provider some fifty questions, changes nothing there and signs nobody in: discovery and keys, headers and
cookies of pages, and requests that must be refused. A few dozen requests, one after the other, to the issuer's
origin only.

  --issuer URL          as apps know it
  --client-id ID        asks in the name of this client too; needs --redirect-uri
  --redirect-uri URI    registered for it, letter by letter; nothing is sent there
  --client-secret TEXT  other users of this machine may see it: rather use a file
  --client-file FILE    the client as JSON, with the members of a registration: client_id, client_secret,
                        redirect_uris, token_endpoint_auth_method
  --json                for programs

exit code: 0 all passed, 1 something failed, 2 the question could not be put`

/** What the command line says is wrong, or the issuer cannot be reached. */
class Refused extends Error {}

interface Options {
  target: Target
  json: boolean
}

try {
  const options = readOptions()
  if (options) await run(options)
} catch (error) {
  console.error((error as Error).message)
  if (!(error instanceof Refused)) console.error(`\n${USAGE}`)
  process.exitCode = 2
}

async function run({ target, json }: Options): Promise<void> {
  await target.get(target.wellKnown()).catch((error: Error) => {
    const { cause } = error
    throw new Refused(
      `${target.wellKnown()} does not answer: ${cause instanceof Error ? cause.message : error.message}`,
    )
  })
  const results = await runProbes(PROBES, target)
  const report = { issuer: target.issuer, requests: target.requests, results }
  console.log(json ? JSON.stringify(report, undefined, 2) : asText(report))
  if (results.some(({ state }) => state === 'fail')) process.exitCode = 1
}

function readOptions(): Options | undefined {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    options: {
      issuer: text,
      'client-id': text,
      'client-secret': text,
      'client-file': text,
      'redirect-uri': text,
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) {
    console.log(USAGE)
    return undefined
  }
  const issuer = URL.parse(values.issuer ?? '')
  if (!issuer || !/^https?:$/.test(issuer.protocol))
    throw new Error('--issuer must be an http or https address')
  if (issuer.search !== '' || issuer.hash !== '')
    throw new Error('--issuer has neither a query nor a fragment')
  const file = values['client-file'] === undefined ? {} : readClientFile(values['client-file'])
  const given = {
    id: values['client-id'] ?? file.id,
    secret: values['client-secret'] ?? file.secret,
    redirectUri: values['redirect-uri'] ?? file.redirectUri,
  }
  return { target: new Target(String(values.issuer), clientOf(given, file.auth)), json: values.json }
}

interface Given {
  id?: string | undefined
  secret?: string | undefined
  redirectUri?: string | undefined
  auth?: string | undefined
}

function clientOf({ id, secret, redirectUri }: Given, auth: string | undefined): TargetClient | undefined {
  if (id === undefined && secret === undefined && redirectUri === undefined) return undefined
  if (id === undefined || redirectUri === undefined)
    throw new Error('a client needs its id and one of its redirect URIs')
  if (!URL.canParse(redirectUri)) throw new Error('--redirect-uri must be an absolute address')
  const method = auth ?? (secret === undefined ? 'none' : 'client_secret_basic')
  // Who proves a key is asked about as far as nothing has to be proven.
  if (method !== 'client_secret_post' && method !== 'client_secret_basic')
    return { id, redirectUri, auth: method === 'none' ? 'none' : 'client_secret_basic' }
  return { id, redirectUri, auth: method, ...(secret === undefined ? {} : { secret }) }
}

function readClientFile(file: string): Given {
  let entry: Record<string, unknown>
  try {
    entry = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  } catch (error) {
    throw new Refused(`${file} cannot be read as JSON: ${(error as Error).message}`)
  }
  const textOf = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const [redirectUri] = Array.isArray(entry.redirect_uris) ? entry.redirect_uris : []
  return {
    id: textOf(entry.client_id),
    secret: textOf(entry.client_secret),
    redirectUri: textOf(redirectUri),
    auth: textOf(entry.token_endpoint_auth_method),
  }
}
