/** `ostiary role` and `ostiary application-role`: what people may do here, and what they are in applications. */
import type { Command } from 'commander'
import { APPLICATION_ROLE_NAME } from '../api/routes/roles.ts'
import { GIVABLE, ROLE_NAME } from '../api/schemas.ts'
import { ApplicationRoles } from '../domain/permissions/application-roles.ts'
import { OWN, type Permission, ROLES } from '../domain/permissions/permissions.ts'
import { Roles } from '../domain/permissions/roles.ts'
import type { Storage } from '../storage/choose.ts'
import { type Answer, answers } from './answer.ts'
import { confirmed } from './confirm.ts'
import { group, leaf, permissionList, ruled } from './leaf.ts'
import { applicationOf, CLI, personOf, WHO } from './services.ts'
import { withStorage } from './stores.ts'

const FORCED = 'Who has the role loses it.'

export function roleCommands(program: Command): void {
  deploymentRoles(group(program, 'role', 'what people may do here'))
  applicationRoles(group(program, 'application-role', 'what people are inside applications'))
}

function deploymentRoles(role: Command): void {
  leaf(role, 'list', {
    summary: 'roles and what they allow',
    examples: ['role list'],
  }).action(answers(() => withStorage(({ storage }) => report(storage))))
  leaf(role, 'create', {
    summary: 'make a role beside the built-in ones',
    description: `Makes a role beside the built-in ones. What it can allow:

${GIVABLE.join(', ')}`,
    examples: ['role create desk --allow users:read,sessions:write --description "Front desk"'],
  })
    .argument('<name>', 'lower case letters, digits, - and _', ruled(ROLE_NAME))
    .requiredOption('--allow <list>', 'permissions', permissionList)
    .option('--description <text>', 'for people', '')
    .action(answers(create))
  leaf(role, 'update', {
    summary: 'change what a role allows, for all who have it',
    examples: ['role update desk --allow users:read'],
  })
    .argument('<name>')
    .option('--allow <list>', 'permissions, instead of those before', permissionList)
    .option('--description <text>', 'for people')
    .action(
      answers((name: string, { allow, description }: Changes) =>
        change((roles) => roles.update(name, undefined, { permissions: allow, description }, CLI)),
      ),
    )
  leaf(role, 'delete', {
    summary: 'delete a role; one that somebody has only with --force',
    examples: ['role delete desk', 'role delete desk --force --yes'],
  })
    .argument('<name>')
    .option('--force', 'take it from those who have it')
    .option('--yes', 'do not ask')
    .action(
      answers(async (name: string, options: { force?: boolean; yes?: boolean }) => {
        if (options.force) await confirmed(FORCED, options)
        return change((roles) => roles.delete(name, options.force === true, CLI))
      }),
    )
  for (const what of ['give', 'take'] as const)
    leaf(role, what, {
      summary:
        what === 'give' ? 'give somebody a role' : 'take a role from somebody; the last owner stays one',
      examples: [`role ${what} jane@example.org support`],
    })
      .argument('<who>', WHO)
      .argument('<role>')
      .action(
        answers((who: string, name: string) =>
          withStorage(async (opened) => {
            const { id } = await personOf(who, opened)
            const person = await new Roles(opened.storage.database)[what](id, name, CLI)
            const words = `${person.email}: ${person.roles.join(', ') || 'no roles'}`
            return { json: { id: person.id, roles: person.roles }, words }
          }),
        ),
      )
}

interface Changes {
  allow?: Permission[]
  description?: string
}

function create(name: string, { allow = [], description = '' }: Changes): Promise<Answer> {
  return change((roles) => roles.create({ name, description, permissions: allow }, CLI))
}

function change(work: (roles: Roles) => Promise<unknown>): Promise<Answer> {
  return withStorage(async ({ storage }) => {
    await work(new Roles(storage.database))
    return report(storage)
  })
}

async function report({ database }: Storage): Promise<Answer> {
  const own = (await database.roles.list()).map(({ name, description, permissions }) => ({
    ...{ name, description, permissions: [...permissions], builtIn: false },
  }))
  const builtIn = Object.entries(ROLES).map(([name, permissions]) => ({
    ...{ name, description: 'built in', builtIn: true },
    permissions: permissions.filter((one) => !OWN.includes(one)),
  }))
  const json = [...builtIn, ...own]
  const words = json.map(
    ({ name, description, permissions }) =>
      `${name}${description === '' ? '' : `  (${description})`}\n  ${permissions.join(', ')}`,
  )
  return { json, words: words.join('\n') }
}

function applicationRoles(role: Command): void {
  leaf(role, 'list', {
    summary: 'roles inside an application',
    examples: ['application-role list web'],
  })
    .argument('<client-id>')
    .action(answers((client: string) => inside(client, async () => {})))
  leaf(role, 'create', {
    summary: 'define a role inside an application, which it is told of by the scope roles',
    examples: ['application-role create web editor --description "Writes articles"'],
  })
    .argument('<client-id>')
    .argument('<role>', 'begins with a letter or digit, has no spaces', ruled(APPLICATION_ROLE_NAME))
    .option('--description <text>', 'for people', '')
    .action(
      answers((clientId: string, name: string, { description }: { description: string }) =>
        inside(clientId, (roles) => roles.create({ clientId, name, description }, CLI)),
      ),
    )
  leaf(role, 'update', {
    summary: 'describe a role inside an application in other words',
    examples: ['application-role update web editor --description "Writes and corrects"'],
  })
    .argument('<client-id>')
    .argument('<role>')
    .requiredOption('--description <text>', 'for people')
    .action(
      answers((clientId: string, name: string, { description }: { description: string }) =>
        inside(clientId, (roles) => roles.update({ clientId, name, description }, undefined, CLI)),
      ),
    )
  leaf(role, 'delete', {
    summary: 'delete a role inside an application; one that somebody has only with --force',
    examples: ['application-role delete web editor', 'application-role delete web editor --force --yes'],
  })
    .argument('<client-id>')
    .argument('<role>')
    .option('--force', 'take it from those who have it')
    .option('--yes', 'do not ask')
    .action(
      answers(async (client: string, name: string, options: { force?: boolean; yes?: boolean }) => {
        if (options.force) await confirmed(FORCED, options)
        return inside(client, (roles) => roles.delete(client, name, options.force === true, CLI))
      }),
    )
  for (const what of ['give', 'take'] as const)
    leaf(role, what, {
      summary: `${what} a role inside an application`,
      examples: [`application-role ${what} jane@example.org web editor`],
    })
      .argument('<who>', WHO)
      .argument('<client-id>')
      .argument('<role>')
      .action(
        answers((who: string, client: string, name: string) =>
          withStorage(async (opened) => {
            const { id, email } = await personOf(who, opened)
            const roles = new ApplicationRoles(opened.storage.database)
            await roles[what](id, client, name, CLI)
            const json = (await roles.ofPerson(id)).filter(({ clientId }) => clientId === client)
            const names = json.map((one) => one.name).join(', ')
            return { json, words: `${email} in ${client}: ${names || 'no roles'}` }
          }),
        ),
      )
}

function inside(client: string, work: (roles: ApplicationRoles) => Promise<unknown>): Promise<Answer> {
  return withStorage(async (opened) => {
    const roles = new ApplicationRoles(opened.storage.database)
    await applicationOf(client, opened)
    await work(roles)
    const json = (await roles.list(client)).map(({ name, description }) => ({ name, description }))
    const words = json.map(({ name, description }) => [name, description].filter(Boolean).join('  '))
    return { json, words: words.join('\n') || 'There are no roles in it yet.' }
  })
}
