/** `ostiary user …`: accounts on their way in and out, as the API has them. */
import type { Command } from 'commander'
import { userDeletion } from '../app-purge.ts'
import { secureRandom } from '../crypto/random.ts'
import type { Person } from '../domain/directory/directory.ts'
import { PasswordLinks } from '../domain/users/password-links.ts'
import { type Answer, answers } from './answer.ts'
import { confirmed } from './confirm.ts'
import { leaf, moment } from './leaf.ts'
import { BY_ITSELF, CLI, personOf, WHO } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

export function accountCommands(user: Command): void {
  leaf(user, 'invite', {
    summary: 'mail somebody a link to choose a first password',
    description:
      'Mails somebody who has no password yet a link to choose one. The link of a mail before is dead.',
    examples: ['user invite jane@example.org'],
  })
    .argument('<who>', WHO)
    .action(
      answers((who: string) =>
        about(who, async ({ id, email }, opened) => {
          await links(opened).invite(id, CLI)
          return `An invitation is on its way to ${email}.`
        }),
      ),
    )
  leaf(user, 'force-reset', {
    summary: 'stop a password and mail a link to choose another',
    description:
      'The password opens nothing any more, all sessions and tokens end, and a link to choose another is mailed.',
    examples: ['user force-reset jane@example.org'],
  })
    .argument('<who>', WHO)
    .action(
      answers((who: string) =>
        about(who, async ({ id, email }, opened) => {
          await links(opened).forceReset(id, CLI)
          return `The password is stopped; a link to choose another is on its way to ${email}.`
        }),
      ),
    )
  leaf(user, 'delete', {
    summary: 'lock an account at once, and erase it after the cool-off',
    description: `Locks the account and ends everything issued. It is erased after DELETION_COOL_OFF_DAYS; until then
"ostiary user restore" gives it back. With --erase-now nothing does.`,
    examples: ['user delete jane@example.org', 'user delete --erase-now --yes jane@example.org'],
  })
    .argument('<who>', WHO)
    .option('--erase-now', 'without a cool-off: not to be undone')
    .option('--yes', 'do not ask')
    .action(
      answers((who: string, { eraseNow: now = false, yes }: { eraseNow?: boolean; yes?: boolean }) =>
        about(who, async ({ id, email }, opened) => {
          if (now)
            await confirmed(`This erases the account of ${email}, and nothing brings it back.`, { yes })
          await deletion(opened).delete(id, CLI, { now })
          const left = await opened.storage.database.people.find(id)
          return left?.eraseAt
            ? `The account of ${email} is locked, and erased at ${moment(left.eraseAt)}.`
            : `The account of ${email} is erased.`
        }),
      ),
    )
  leaf(user, 'restore', {
    summary: 'give back an account that was deleted and is not erased yet',
    examples: ['user restore jane@example.org'],
  })
    .argument('<who>', WHO)
    .action(
      answers((who: string) =>
        about(who, async ({ id, email }, opened) => {
          await deletion(opened).restore(id, CLI)
          return `The account of ${email} is as it was before.`
        }),
      ),
    )
}

function about(who: string, work: (person: Person, opened: Opened) => Promise<string>): Promise<Answer> {
  return withStorage(async (opened) => {
    const person = await personOf(who, opened)
    const words = await work(person, opened)
    const after = await opened.storage.database.people.find(person.id)
    const json = {
      ...{ id: person.id, email: person.email, status: after?.status ?? 'erased' },
      erase_at: after?.eraseAt?.toISOString() ?? null,
    }
    return { json, words }
  })
}

function links({ storage: { database } }: Opened): PasswordLinks {
  return new PasswordLinks({ database, random: secureRandom, mailSoon: BY_ITSELF, accessEnded: BY_ITSELF })
}

function deletion({ config, storage }: Opened) {
  const clock = { now: () => new Date() }
  return userDeletion({ config, storage, clock, accessEnded: BY_ITSELF, mailSoon: BY_ITSELF })
}
