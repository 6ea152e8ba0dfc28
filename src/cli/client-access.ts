/** `ostiary client api-access` and `test-url`: what an application may do here by itself, and an address to try it with. */
import { type Command, Option } from 'commander'
import { testUrlOf } from '../api/routes/applications.ts'
import { GIVABLE } from '../api/schemas.ts'
import { testRequests } from '../app-parts.ts'
import { apiPermissionsOf } from '../domain/clients/api-access.ts'
import { lint } from '../domain/clients/lint.ts'
import type { Permission } from '../domain/permissions/permissions.ts'
import { type Answer, answers } from './answer.ts'
import { leaf, permissionList } from './leaf.ts'
import { applicationOf, CLI, clientAdministration } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

const NEEDS = {
  pushed_request: 'It pushes its requests (RFC 9126): the address alone is refused.',
  signed_request: 'It signs its requests (RFC 9101): the address alone is refused.',
}

interface Wish {
  allow?: Permission[]
  none?: boolean
}

export function clientAccessCommands(client: Command): void {
  leaf(client, 'api-access', {
    summary: 'what an application may do here on its own account, shown or changed',
    description: `Shows what an application may do in the API of Ostiary on its own account (client credentials); with --allow or --none,
changes that first, and tokens it has already follow at once. What can be allowed:

${GIVABLE.join(', ')}`,
    examples: ['client api-access reports --allow users:read,audit:read', 'client api-access reports --none'],
  })
    .argument('<client-id>')
    .addOption(
      new Option('--allow <list>', 'permissions, instead of those before')
        .argParser(permissionList)
        .conflicts('none'),
    )
    .option('--none', 'nothing any more')
    .action(answers((id: string, wish: Wish) => withStorage((opened) => apiAccess(id, wish, opened))))
  leaf(client, 'test-url', {
    summary: 'an address to try the sign-in of an application with',
    description: `Prints an address that begins a sign-in as the application would, and what is needed to exchange the code that comes
back to its redirect URI. Each time another one; nothing is stored.`,
    examples: ['client test-url web', 'client test-url web --json'],
  })
    .argument('<client-id>')
    .action(answers((id: string) => withStorage((opened) => testUrl(id, opened))))
}

async function apiAccess(id: string, { allow, none }: Wish, opened: Opened): Promise<Answer> {
  const wanted = none ? [] : allow
  const client = wanted
    ? await (await clientAdministration(opened)).allowApi(id, wanted, CLI)
    : await applicationOf(id, opened)
  const permissions = apiPermissionsOf(client.metadata)
  return {
    json: { client_id: id, permissions },
    words: `${id} on its own account: ${permissions.join(', ') || 'nothing'}`,
  }
}

async function testUrl(id: string, opened: Opened): Promise<Answer> {
  const client = await applicationOf(id, opened)
  const secrets = await opened.storage.database.clients.secrets(id)
  const json = testUrlOf(testRequests(opened.config)(client), lint(client, secrets))
  const { url, needs, weaknesses, ...facts } = json
  const words = [
    url,
    '',
    ...Object.entries(facts).map(([name, value]) => `${name.padEnd(13)}  ${value}`),
    ...(needs === null ? [] : ['', NEEDS[needs]]),
    ...(weaknesses.length === 0 ? [] : ['', `${weaknesses.length} to mend: ostiary client lint ${id}`]),
  ]
  return { json, words: words.join('\n') }
}
