/** `ostiary user sessions` and `sign-out`: where somebody is signed in, and ending that. */
import type { Command } from 'commander'
import { sessionOf } from '../api/schemas.ts'
import { answers } from './answer.ts'
import { leaf, line } from './leaf.ts'
import { accessService, CLI, personOf, WHO } from './services.ts'
import { withStorage } from './stores.ts'

export function sessionCommands(user: Command): void {
  leaf(user, 'sessions', {
    summary: 'where somebody is signed in',
    examples: ['user sessions jane@example.org'],
  })
    .argument('<who>', WHO)
    .action(
      answers((who: string) =>
        withStorage(async (opened) => {
          const { id, email } = await personOf(who, opened)
          const open = await opened.storage.database.access.openSessions(id)
          const items = open.map(sessionOf)
          const lines = items.map((session) => line(session.id, session.client_ids.join(', ')))
          return { json: { items }, words: lines.join('\n') || `${email} is signed in nowhere.` }
        }),
      ),
    )
  leaf(user, 'sign-out', {
    summary: 'end all sessions and tokens of somebody, or one session; they may sign in again',
    examples: ['user sign-out jane@example.org', 'user sign-out jane@example.org ses_0123456789'],
  })
    .argument('<who>', WHO)
    .argument('[session]', 'only this one, as "user sessions" shows it')
    .action(
      answers((who: string, session: string | undefined) =>
        withStorage(async (opened) => {
          const { id, email } = await personOf(who, opened)
          const access = accessService(opened)
          await (session === undefined
            ? access.signOutEverywhere(id, CLI)
            : access.endSession(id, session, CLI))
          const what = session === undefined ? 'signed out everywhere' : `signed out of ${session}`
          return { json: { user: id, session: session ?? null }, words: `${email} is ${what}.` }
        }),
      ),
    )
}
