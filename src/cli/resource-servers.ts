/** `npm run resource-servers`: the APIs that get access tokens of ours, listed and changed while everything runs. */
import { parseArgs } from 'node:util'
import { resourceServers } from '../app-parts.ts'
import { isDomainError } from '../domain/errors.ts'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import {
  DEFAULTS,
  type ResourceServer,
  type ResourceServerSettings,
} from '../domain/resources/resource-server.ts'
import { type Opened, readArguments, runCommand, withStorage } from './command.ts'

const USAGE = `usage: npm run resource-servers [-- COMMAND]

  list [--json]              what there is; changes nothing
  add AUDIENCE OPTIONS       an API by its resource indicator (RFC 8707), an absolute URI; it needs a --scope
  update AUDIENCE OPTIONS    changes what the options name and leaves the rest
  disable AUDIENCE           nobody gets tokens for it any more; opaque ones end now, JWTs within their lifetime
  enable AUDIENCE            takes that back; what ended stays ended
  remove AUDIENCE            with its opaque tokens and what people allowed of it

  --scope NAME[=TEXT]        a scope, and what people read when they are asked for it; as often as there are scopes
  --name TEXT                the API as people know it
  --format jwt|opaque        opaque: the API asks about each token and learns at once when it was ended (${DEFAULTS.tokenFormat})
  --ttl SECONDS              how long a token lives (${DEFAULTS.tokenTtl})
  --alg ES256|RS256|PS256|EdDSA   signs its JWTs; one of SIGNING_ALGORITHMS (${DEFAULTS.signingAlgorithm})
  --clients all|ID,ID        who may ask for its tokens (${DEFAULTS.clients})
  --documentation URL        a page for developers
  --[no-]publish             host its metadata (RFC 9728)
  --[no-]exchangeable        its tokens may be exchanged for those of other APIs (RFC 8693)
  --[no-]roles               its tokens tell a person's roles in the app that asked for the scope roles

Every process follows within a second. APIs of RESOURCE_SERVERS are changed there.`

const CHANGES = ['add', 'update', 'disable', 'enable', 'remove'] as const

type Changes = Partial<Omit<ResourceServerSettings, 'audience'>>
type Command =
  | { do: 'list'; json: boolean }
  | { do: (typeof CHANGES)[number]; audience: string; changes: Changes }

await runCommand(async () => {
  const command = readArguments(USAGE, readCommand)
  if (command) await withStorage((opened) => run(command, opened))
})

async function run(command: Command, opened: Opened): Promise<void> {
  const refused = command.do === 'list' ? undefined : await change(command, opened)
  if (refused !== undefined) {
    console.error(`Nothing was changed: ${refused}`)
    process.exitCode = 1
    return
  }
  const all = await opened.storage.database.resourceServers.list()
  console.log(command.do === 'list' && command.json ? JSON.stringify(all, null, 2) : inWords(all))
}

/** Answers why nothing was changed, where nothing was. */
async function change(
  { do: what, audience, changes }: Exclude<Command, { do: 'list' }>,
  { config, storage }: Opened,
): Promise<string | undefined> {
  const apis = resourceServers(config, storage)
  const actor = { by: 'cli' }
  const declared = config.resourceServers.some((one) => one.audience === audience)
  if (declared && (what === 'update' || what === 'remove'))
    return `${audience} is declared in RESOURCE_SERVERS; change it there.`
  try {
    if (what === 'add') await apis.create({ ...DEFAULTS, scopes: [], ...changes, audience }, actor)
    else if (what === 'update') await apis.update(audience, changes, actor)
    else await apis[what](audience, actor)
    return undefined
  } catch (error) {
    if (isDomainError(error, 'not_found')) return `${audience} is not known here.`
    if (isDomainError(error, 'invalid_input')) return error.message
    throw error
  }
}

function inWords(all: readonly ResourceServer[]): string {
  if (all.length === 0) return 'There are no resource servers yet.'
  return all
    .map((server) => {
      const { audience, name, scopes, tokenFormat, tokenTtl, signingAlgorithm, clients, source, status } =
        server
      const facts = [
        tokenFormat === 'jwt' ? `JWT, ${signingAlgorithm}` : 'opaque',
        `${tokenTtl} s`,
        clients === 'all' ? 'all clients' : `clients ${clients.join(', ')}`,
        ...(server.publishMetadata ? ['metadata published'] : []),
        ...(server.exchangeable ? ['exchangeable'] : []),
        ...(server.includesRoles ? ['with roles'] : []),
        ...(source === 'declared' ? ['RESOURCE_SERVERS'] : []),
        ...(status === 'disabled' ? ['DISABLED'] : []),
      ]
      const title = name === undefined ? audience : `${audience}  ${name}`
      const lines = scopes.map((scope) => `  ${[scope.name, scope.description].filter(Boolean).join('  ')}`)
      return [title, `  (${facts.join('; ')})`, ...lines].join('\n')
    })
    .join('\n\n')
}

function readCommand(): Command | undefined {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    allowNegative: true,
    options: {
      help: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      scope: { type: 'string', multiple: true },
      name: { type: 'string' },
      format: { type: 'string' },
      ttl: { type: 'string' },
      alg: { type: 'string' },
      clients: { type: 'string' },
      documentation: { type: 'string' },
      publish: { type: 'boolean' },
      exchangeable: { type: 'boolean' },
      roles: { type: 'boolean' },
    },
  })
  const [word = 'list', audience, ...more] = positionals
  if (values.help || word === 'help') {
    console.log(USAGE)
    return undefined
  }
  const { json, help: _, ...given } = values
  const changes = changesOf(given)
  const changing = CHANGES.find((one) => one === word)
  const takesOptions = changing === 'add' || changing === 'update'
  if (!takesOptions && Object.keys(changes).length > 0) throw new Error(`"${word}" takes no options`)
  if (word === 'list' && audience === undefined) return { do: 'list', json }
  if (changing && audience !== undefined && more.length === 0) return { do: changing, audience, changes }
  throw new Error(`"${positionals.join(' ')}" is not a command`)
}

interface Given {
  scope?: string[]
  name?: string
  format?: string
  ttl?: string
  alg?: string
  clients?: string
  documentation?: string
  publish?: boolean
  exchangeable?: boolean
  roles?: boolean
}

/** Only what was given; what it may be is the rules' to say. */
function changesOf({
  scope,
  name,
  format,
  ttl,
  alg,
  clients,
  documentation,
  publish,
  exchangeable,
  roles,
}: Given): Changes {
  const changes = {
    name,
    documentation,
    exchangeable,
    includesRoles: roles,
    publishMetadata: publish,
    tokenFormat: format as ResourceServerSettings['tokenFormat'] | undefined,
    tokenTtl: ttl === undefined ? undefined : Number(ttl),
    signingAlgorithm: alg as SigningAlgorithm | undefined,
    clients: clients === undefined || clients === 'all' ? clients : clients.split(',').map((id) => id.trim()),
    scopes: scope?.map((one) => {
      const [token = '', ...words] = one.split('=')
      return words.length === 0 ? { name: token } : { name: token, description: words.join('=') }
    }),
  }
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Changes
}
