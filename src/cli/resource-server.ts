/** `ostiary resource-server`: the APIs that get access tokens of ours, listed and changed while everything runs. */
import { type Command, Option } from 'commander'
import { resourceServers } from '../app-parts.ts'
import { isDomainError } from '../domain/errors.ts'
import { SIGNING_ALGORITHMS, type SigningAlgorithm } from '../domain/keys/key.ts'
import {
  DEFAULTS,
  type ResourceServer,
  type ResourceServerSettings,
} from '../domain/resources/resource-server.ts'
import type { ResourceServers } from '../domain/resources/service.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { confirmed } from './confirm.ts'
import { commaList, group, leaf, wholeNumber } from './leaf.ts'
import { CLI } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

type Changes = Partial<Omit<ResourceServerSettings, 'audience'>>
const API = 'https://api.example.org'

export function resourceServerCommands(program: Command): void {
  const servers = group(
    program,
    'resource-server',
    'APIs that get access tokens; every process follows within a second',
  )
  leaf(servers, 'list', { summary: 'the APIs there are', examples: ['resource-server list'] }).action(
    answers(() => withStorage(report)),
  )
  const adds = leaf(servers, 'add', {
    summary: 'add an API by its resource indicator (RFC 8707), an absolute URI; it needs a --scope',
    examples: [`resource-server add ${API} --scope "read=Read your orders" --scope write`],
  })
  withSettings(adds).action(
    answers((audience: string, given: Given) =>
      changed(audience, (apis) =>
        apis.create({ ...DEFAULTS, scopes: [], ...changesOf(given), audience }, CLI),
      ),
    ),
  )
  const updates = leaf(servers, 'update', {
    summary: 'change of an API what the options name, and leave the rest',
    examples: [`resource-server update ${API} --clients web,spa --ttl 120`],
  })
  withSettings(updates).action(
    answers((audience: string, given: Given) =>
      changed(audience, (apis) => apis.update(audience, changesOf(given), CLI)),
    ),
  )
  leaf(servers, 'disable', {
    summary: 'stop tokens for an API: opaque ones end now, JWTs within their lifetime',
    examples: [`resource-server disable ${API}`],
  })
    .argument('<audience>')
    .action(answers((audience: string) => changed(audience, (apis) => apis.disable(audience, CLI))))
  leaf(servers, 'enable', {
    summary: 'let apps get tokens for an API again; what ended stays ended',
    examples: [`resource-server enable ${API}`],
  })
    .argument('<audience>')
    .action(answers((audience: string) => changed(audience, (apis) => apis.enable(audience, CLI))))
  leaf(servers, 'remove', {
    summary: 'remove an API, with its opaque tokens and what people allowed of it',
    examples: [`resource-server remove ${API} --yes`],
  })
    .argument('<audience>')
    .option('--yes', 'do not ask')
    .action(
      answers(async (audience: string, options: { yes?: boolean }) => {
        await confirmed(
          `${audience} is removed, with its opaque tokens and what people allowed of it.`,
          options,
        )
        return changed(audience, (apis) => apis.remove(audience, CLI))
      }),
    )
}

interface Given {
  scope?: ResourceServerSettings['scopes']
  name?: string
  format?: ResourceServerSettings['tokenFormat']
  ttl?: number
  alg?: SigningAlgorithm
  clients?: 'all' | string[]
  documentation?: string
  publish?: boolean
  exchangeable?: boolean
  roles?: boolean
}

function withSettings(command: Command): Command {
  const { tokenFormat, tokenTtl, signingAlgorithm, clients } = DEFAULTS
  type Scopes = ResourceServerSettings['scopes']
  const scopeOf = (text: string, before: Scopes = []): Scopes => {
    const [name = '', ...words] = text.split('=')
    return [...before, words.length === 0 ? { name } : { name, description: words.join('=') }]
  }
  return command
    .argument('<audience>', 'an absolute URI')
    .option(
      '--scope <name[=text]>',
      'a scope and what people read of it; as often as there are scopes',
      scopeOf,
    )
    .option('--name <text>', 'the API as people know it')
    .addOption(
      new Option('--format <format>', `opaque: the API asks about each token (${tokenFormat})`).choices([
        ...['jwt', 'opaque'],
      ]),
    )
    .option('--ttl <seconds>', `how long a token lives (${tokenTtl})`, wholeNumber(0))
    .addOption(
      new Option('--alg <alg>', `signs its JWTs; one of SIGNING_ALGORITHMS (${signingAlgorithm})`).choices([
        ...SIGNING_ALGORITHMS,
      ]),
    )
    .option('--clients <all|id,id>', `who may ask for its tokens (${clients})`, (text) =>
      text === 'all' ? text : commaList(text),
    )
    .option('--documentation <url>', 'a page for developers')
    .option('--publish', 'host its metadata (RFC 9728)')
    .option('--no-publish', 'do not')
    .option('--exchangeable', 'its tokens may be exchanged for those of other APIs (RFC 8693)')
    .option('--no-exchangeable', 'they may not')
    .option('--roles', "its tokens tell a person's roles in the app that asked for the scope roles")
    .option('--no-roles', 'they do not')
}

function changed(audience: string, work: (apis: ResourceServers) => Promise<unknown>): Promise<Answer> {
  return withStorage(async (opened) => {
    try {
      await work(resourceServers(opened.config, opened.storage))
    } catch (error) {
      if (isDomainError(error, 'not_found')) throw nothing(`${audience} is not known here.`, error.code)
      if (isDomainError(error, 'invalid_input') || isDomainError(error, 'declared'))
        throw nothing(error.message, error.code)
      throw error
    }
    return report(opened)
  })
}

function nothing(why: string, code: string): Refusal {
  return new Refusal(code, `Nothing was changed: ${why}`)
}

async function report({ storage }: Opened): Promise<Answer> {
  const json = await storage.database.resourceServers.list()
  return { json, words: inWords(json) }
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

/** Only what was given; what it may be is the rules' to say. */
function changesOf({ scope, name, format, ttl, alg, publish, ...given }: Given): Changes {
  const changes = {
    name,
    documentation: given.documentation,
    exchangeable: given.exchangeable,
    includesRoles: given.roles,
    publishMetadata: publish,
    tokenFormat: format,
    tokenTtl: ttl,
    signingAlgorithm: alg,
    clients: given.clients,
    scopes: scope,
  }
  return Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Changes
}
