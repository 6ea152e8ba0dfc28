/** `ostiary client`: found, made, changed, locked out, deleted. Metadata is checked as for the API. */
import { readFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { type Command, Option } from 'commander'
import { NOT_METADATA } from '../api/routes/applications.ts'
import { clientOf } from '../api/schemas.ts'
import type { Application } from '../domain/directory/directory.ts'
import { type Answer, answers, Refusal } from './answer.ts'
import { confirmed } from './confirm.ts'
import { leaf, line } from './leaf.ts'
import { asLines, LIMIT, listed } from './listed.ts'
import { accessService, applicationOf, CLI, clientAdministration } from './services.ts'
import { withStorage } from './stores.ts'

interface Listing {
  search?: string
  status?: Application['status']
  limit: number
}

export function clientChangeCommands(client: Command): void {
  leaf(client, 'list', {
    summary: 'the applications there are',
    examples: ['client list', 'client list --status disabled --json'],
  })
    .option('--search <text>', 'what the id or the name begins with')
    .addOption(new Option('--status <status>', 'only these').choices(['active', 'disabled']))
    .option(...LIMIT)
    .action(answers(list))
  leaf(client, 'show', { summary: 'everything about one application', examples: ['client show web'] })
    .argument('<client-id>')
    .action(answers((id: string) => withStorage(async (opened) => shown(await applicationOf(id, opened)))))
  leaf(client, 'create', {
    summary: 'make an application; its secret is shown this once',
    description: `Makes an application from a JSON file of its metadata (OpenID Connect Dynamic Client Registration); - reads stdin. Its
secret is shown this once.`,
    examples: ['client create metadata.json', 'client create - --id web --first-party < metadata.json'],
  })
    .argument('<file>', 'the metadata as JSON: client_name, redirect_uris, grant_types, …')
    .option('--id <client-id>', 'made here unless given')
    .option('--first-party', 'your own: people are not asked for consent')
    .action(answers(create))
  leaf(client, 'update', {
    summary: 'change metadata of an application: members that are absent stay, null takes one away',
    examples: ['client update web changes.json', 'client update web - < changes.json'],
  })
    .argument('<client-id>')
    .argument('<file>', 'the changes as JSON (RFC 7396); - reads stdin')
    .action(
      answers(async (id: string, file: string) => {
        const patch = await metadataOf(file)
        return withStorage(async (opened) =>
          shown(await (await clientAdministration(opened)).update(id, undefined, patch, CLI)),
        )
      }),
    )
  leaf(client, 'disable', {
    summary: 'lock an application out: its tokens end at once, and nobody signs in to it',
    examples: ['client disable web'],
  })
    .argument('<client-id>')
    .action(answers((id: string) => changed(id, (access) => access.disableClient(id, CLI))))
  leaf(client, 'enable', { summary: 'let an application work again', examples: ['client enable web'] })
    .argument('<client-id>')
    .action(answers((id: string) => changed(id, (access) => access.enableClient(id, CLI))))
  leaf(client, 'delete', {
    summary: 'delete an application with everything issued to it',
    examples: ['client delete web --yes'],
  })
    .argument('<client-id>')
    .option('--yes', 'do not ask')
    .action(
      answers(async (id: string, options: { yes?: boolean }) => {
        await confirmed(`${id} is deleted with everything issued to it.`, options)
        return withStorage(async (opened) => {
          await accessService(opened).deleteClient(id, CLI)
          return { json: { deleted: id }, words: `${id} is deleted.` }
        })
      }),
    )
}

function list({ search, status, limit }: Listing): Promise<Answer> {
  return withStorage(async ({ storage: { database } }) => {
    const clients = await listed(limit, (page) => database.applications.list({ ...page, search, status }))
    const json = { items: clients.items.map(clientOf), more: clients.more }
    return { json, words: asLines(clients, lineOf, 'There are no clients yet.') }
  })
}

function lineOf({ id, metadata, firstParty, status }: Application): string {
  const facts = [...(firstParty ? ['first party'] : []), ...(status === 'disabled' ? ['DISABLED'] : [])]
  const name = typeof metadata.client_name === 'string' ? metadata.client_name : ''
  return line(id, name, facts.length > 0 ? `(${facts.join('; ')})` : '')
}

function shown(client: Application): Answer {
  const json = clientOf(client)
  return { json, words: JSON.stringify(json, undefined, 2) }
}

async function create(
  file: string,
  { id, firstParty }: { id?: string; firstParty?: boolean },
): Promise<Answer> {
  const metadata = await metadataOf(file)
  return withStorage(async (opened) => {
    const clients = await clientAdministration(opened)
    const { client, secret } = await clients.create({ id, metadata, firstParty }, CLI)
    const json = { ...clientOf(client), ...(secret === undefined ? {} : { client_secret: secret }) }
    const words = [
      `client_id      ${client.id}`,
      ...(secret === undefined ? [] : [`client_secret  ${secret}`]),
    ]
    return { json, words: words.join('\n') }
  })
}

function changed(
  id: string,
  work: (access: ReturnType<typeof accessService>) => Promise<void>,
): Promise<Answer> {
  return withStorage(async (opened) => {
    await work(accessService(opened))
    const client = await applicationOf(id, opened)
    return { json: clientOf(client), words: lineOf(client) }
  })
}

/** Throws Refusal where it is no JSON object, or says what is not metadata. */
async function metadataOf(file: string): Promise<Record<string, unknown>> {
  const wrong = (why: string) => new Refusal('invalid_input', `Nothing was changed: ${file} ${why}`)
  let value: unknown
  try {
    value = JSON.parse(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'))
  } catch (error) {
    throw wrong(`cannot be read as JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('must hold one JSON object')
  const other = NOT_METADATA.find((name) => Object.hasOwn(value, name))
  if (other !== undefined) throw wrong(`must not hold ${other}`)
  return value as Record<string, unknown>
}
