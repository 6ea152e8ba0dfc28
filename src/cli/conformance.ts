/**
 * `ostiary conformance`: the read-only part of the conformance mirror against a deployment, of Ostiary or of another
 * provider. Speaks HTTP to the issuer's origin and knows nothing of what is behind it.
 */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { runProbes } from '../conformance/probe.ts'
import { PROBES } from '../conformance/probes.ts'
import { asText } from '../conformance/report.ts'
import { Target, type TargetClient } from '../conformance/target.ts'
import { type Answer, answers, Refusal, UsageError } from './answer.ts'
import { leaf } from './leaf.ts'

interface Options {
  issuer: string
  clientId?: string
  clientSecret?: string
  clientFile?: string
  redirectUri?: string
}

export function conformanceCommand(program: Command): void {
  leaf(program, 'conformance', {
    summary: 'ask a provider from outside whether it does what the standards say',
    description: `Asks a provider some fifty questions, changes nothing there and signs nobody in: discovery and keys, headers and
cookies of pages, and requests that must be refused. A few dozen requests, one after the other, to the issuer's
origin only. Exit code 3 when something failed, 1 when the questions could not be put.`,
    examples: [
      'conformance --issuer https://id.example.org',
      'conformance --issuer https://id.example.org --client-file client.json',
    ],
  })
    .requiredOption('--issuer <url>', 'as apps know it')
    .option('--client-id <id>', 'asks in the name of this client too; needs --redirect-uri')
    .option('--redirect-uri <uri>', 'registered for it, letter by letter; nothing is sent there')
    .option('--client-secret <text>', 'other users of this machine may see it: rather use a file')
    .option(
      '--client-file <file>',
      'the client as JSON, with the members of a registration: client_id, client_secret, redirect_uris, token_endpoint_auth_method',
    )
    .action(answers((options: Options) => ask(targetOf(options))))
}

async function ask(target: Target): Promise<Answer> {
  await target.get(target.wellKnown()).catch((error: Error) => {
    const { cause } = error
    const why = cause instanceof Error ? cause.message : error.message
    throw new Refusal('no_answer', `${target.wellKnown()} does not answer: ${why}`)
  })
  const results = await runProbes(PROBES, target)
  const json = { issuer: target.issuer, requests: target.requests, results }
  return { json, words: asText(json), found: results.some(({ state }) => state === 'fail') }
}

function targetOf({ issuer: text, ...options }: Options): Target {
  const issuer = URL.parse(text)
  if (!issuer || !/^https?:$/.test(issuer.protocol))
    throw new UsageError('--issuer must be an http or https address')
  if (issuer.search !== '' || issuer.hash !== '')
    throw new UsageError('--issuer has neither a query nor a fragment')
  const file = options.clientFile === undefined ? {} : readClientFile(options.clientFile)
  const given = {
    id: options.clientId ?? file.id,
    secret: options.clientSecret ?? file.secret,
    redirectUri: options.redirectUri ?? file.redirectUri,
  }
  return new Target(text, clientOf(given, file.auth))
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
    throw new UsageError('a client needs its id and one of its redirect URIs')
  if (!URL.canParse(redirectUri)) throw new UsageError('--redirect-uri must be an absolute address')
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
    throw new Refusal('invalid_input', `${file} cannot be read as JSON: ${(error as Error).message}`)
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
