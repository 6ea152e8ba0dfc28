/** `ostiary user`: found, made, locked out and let in again. */
import { type Command, Option } from 'commander'
import { userOf } from '../api/schemas.ts'
import { type Person, USER_ORDERS, type UserOrder } from '../domain/directory/directory.ts'
import { type Answer, answers, Refusal, UsageError } from './answer.ts'
import { leaf, line } from './leaf.ts'
import { asLines, LIMIT, listed } from './listed.ts'
import { secretFromStdin } from './secret-input.ts'
import { accessService, CLI, personOf, userAdministration, WHO } from './services.ts'
import { withStorage } from './stores.ts'

interface Listing {
  search?: string
  status?: Person['status']
  role?: string
  sort: UserOrder
  limit: number
}

interface New {
  username?: string
  verified?: boolean
  passwordStdin?: boolean
}

export function directoryCommands(user: Command): void {
  leaf(user, 'list', {
    summary: 'the people there are, newest first unless sorted otherwise',
    examples: ['user list --search jane', 'user list --role owner --json'],
  })
    .option('--search <text>', 'what an e-mail address, username or name begins with')
    .addOption(new Option('--status <status>', 'only these').choices(['active', 'disabled']))
    .option('--role <name>', 'only those who have it')
    .addOption(
      new Option('--sort <order>', '- in front: the largest first')
        .choices(USER_ORDERS)
        .default('-created_at'),
    )
    .option(...LIMIT)
    .action(answers(list))
  leaf(user, 'show', { summary: 'everything about one person', examples: ['user show jane@example.org'] })
    .argument('<who>', WHO)
    .action(answers((who: string) => withStorage(async (opened) => shown(await personOf(who, opened)))))
  leaf(user, 'create', {
    summary: 'make an account; without a password the person is invited by mail to choose one',
    description: `Makes an account. Without a password the person is invited by mail to choose one. A password is read from stdin, never
from the command line, which other users of this machine may see.`,
    examples: [
      'user create jane@example.org',
      'user create jane@example.org --verified --password-stdin < password.txt',
    ],
  })
    .argument('<email>', 'nobody has it yet')
    .option('--username <name>', 'to sign in with beside the address')
    .option('--verified', 'you vouch for the address')
    .option('--password-stdin', 'the password is what stdin holds')
    .action(answers(create))
  leaf(user, 'update', {
    summary: 'change an address or a username',
    description: `Changes an address or a username. Another address is not verified: the person proves it at the next sign-in. The rest
is in "ostiary user claims".`,
    examples: ['user update jane@example.org --email jane@example.net'],
  })
    .argument('<who>', WHO)
    .option('--email <address>', 'another one')
    .option('--username <name>', 'another one')
    .action(answers(update))
  leaf(user, 'disable', {
    summary: 'lock somebody out: sessions and tokens end at once',
    examples: ['user disable jane@example.org'],
  })
    .argument('<who>', WHO)
    .action(answers((who: string) => changed(who, (id, access) => access.disableUser(id, CLI))))
  leaf(user, 'enable', { summary: 'let somebody sign in again', examples: ['user enable jane@example.org'] })
    .argument('<who>', WHO)
    .action(answers((who: string) => changed(who, (id, access) => access.enableUser(id, CLI))))
}

function list({ search, status, role, sort: order, limit }: Listing): Promise<Answer> {
  return withStorage(async ({ storage: { database } }) => {
    const people = await listed(limit, (page) =>
      database.people.list({ ...page, search, status, role, order }),
    )
    const json = { items: people.items.map(userOf), more: people.more }
    return { json, words: asLines(people, lineOf, 'There is nobody.') }
  })
}

function lineOf({ id, email, emailVerified, username, status, roles }: Person): string {
  const facts = [
    ...(emailVerified ? [] : ['not verified']),
    ...(status === 'disabled' ? ['DISABLED'] : []),
    ...(roles.length > 0 ? [roles.join(', ')] : []),
  ]
  return line(id, email, username, facts.length > 0 ? `(${facts.join('; ')})` : '')
}

function shown(person: Person): Answer {
  const json = userOf(person)
  return { json, words: JSON.stringify(json, undefined, 2) }
}

async function create(email: string, { username, verified, passwordStdin }: New): Promise<Answer> {
  const password = passwordStdin ? await secretFromStdin() : undefined
  return withStorage(async (opened) => {
    const input = { email, username, emailVerified: verified, password }
    const person = await userAdministration(opened).create(input, CLI)
    const how = password === undefined ? ' A mail with a link invites them.' : ''
    return { json: userOf(person), words: `${person.email} is ${person.id}.${how}` }
  })
}

async function update(
  who: string,
  { json: _, ...changes }: { email?: string; username?: string; json?: boolean },
): Promise<Answer> {
  if (Object.keys(changes).length === 0) throw new UsageError('Say what: --email or --username.')
  return withStorage(async (opened) => {
    const { id } = await personOf(who, opened)
    return shown(await userAdministration(opened).update(id, undefined, changes, CLI))
  })
}

function changed(
  who: string,
  work: (id: string, access: ReturnType<typeof accessService>) => Promise<void>,
): Promise<Answer> {
  return withStorage(async (opened) => {
    const { id } = await personOf(who, opened)
    await work(id, accessService(opened))
    const person = await opened.storage.database.people.find(id)
    if (!person) throw new Refusal('not_found', `${who} was deleted meanwhile.`)
    return { json: userOf(person), words: lineOf(person) }
  })
}
