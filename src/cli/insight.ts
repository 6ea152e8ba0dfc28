/** `ostiary session`, `ostiary consent` and `ostiary usage`: looking across the deployment. */
import type { Command } from 'commander'
import { foundConsentOf, foundSessionOf, USAGE_DAY, usageOf } from '../api/routes/insight.ts'
import type { AccessQuery } from '../domain/operations/session-search.ts'
import { USAGE_DAYS_MOST, USAGE_DAYS_USUAL, usageRange } from '../domain/operations/usage.ts'
import { type Answer, answers, UsageError } from './answer.ts'
import { group, leaf, line, moment, ruled } from './leaf.ts'
import { asLines, LIMIT, type Listed, listed } from './listed.ts'
import { accessService, CLI, personOf, WHO } from './services.ts'
import { type Opened, withStorage } from './stores.ts'

interface Search {
  user?: string
  client?: string
  limit: number
}

export function insightCommands(program: Command): void {
  const session = group(program, 'session', 'where people are signed in')
  searchable(session, {
    summary: 'sessions that are open, newest first',
    description: `Lists the sessions that are open, newest first: id, person, since when, and the applications they are signed in to.
"ostiary user sign-out" ends one, or all of a person.`,
    examples: ['session list', 'session list --client web --limit 0'],
  }).action(
    answers((search: Search) =>
      found(search, async (query, { database }) => {
        const sessions = await listed(search.limit, (page) =>
          database.accessDirectory.sessions({ ...page, ...query }),
        )
        const words = asLines(
          sessions,
          ({ id, userId, startedAt, clientIds }) => line(id, userId, moment(startedAt), clientIds.join(', ')),
          'Nobody is signed in there.',
        )
        return { json: shown(sessions, foundSessionOf), words }
      }),
    ),
  )
  consentCommands(group(program, 'consent', 'what people allowed applications'))
  usageCommand(program)
}

function consentCommands(consent: Command): void {
  searchable(consent, {
    summary: 'what people allowed, by person or by application',
    description: 'Lists what people allowed: person, application, since when, and the scopes.',
    examples: ['consent list --user jane@example.org', 'consent list --client web --json'],
  }).action(
    answers((search: Search) =>
      found(search, async (query, { database }) => {
        const consents = await listed(search.limit, (page) =>
          database.accessDirectory.consents({ ...page, ...query }),
        )
        const words = asLines(
          consents,
          ({ userId, clientId, updatedAt, scopes }) =>
            line(userId, clientId, moment(updatedAt), scopes.join(' ')),
          'Nothing was allowed there.',
        )
        return { json: shown(consents, foundConsentOf), words }
      }),
    ),
  )
  leaf(consent, 'withdraw', {
    summary: 'take back what somebody allowed an application; it asks again next time',
    examples: ['consent withdraw jane@example.org web'],
  })
    .argument('<who>', WHO)
    .argument('<client-id>')
    .action(
      answers((who: string, clientId: string) =>
        withStorage(async (opened) => {
          const { id, email } = await personOf(who, opened)
          await accessService(opened).withdrawConsent(id, clientId, CLI)
          return {
            json: { user_id: id, client_id: clientId },
            words: `What ${email} allowed ${clientId} is taken back.`,
          }
        }),
      ),
    )
}

function searchable(parent: Command, about: Parameters<typeof leaf>[2]): Command {
  return leaf(parent, 'list', about)
    .option('--user <who>', `only of one person: ${WHO}`)
    .option('--client <client-id>', 'only of one application')
    .option(...LIMIT)
}

function found(
  { user, client }: Search,
  work: (query: Pick<AccessQuery, 'userId' | 'clientId'>, storage: Opened['storage']) => Promise<Answer>,
): Promise<Answer> {
  return withStorage(async (opened) => {
    const userId = user === undefined ? undefined : (await personOf(user, opened)).id
    return work({ userId, clientId: client }, opened.storage)
  })
}

function shown<Item>({ items, more }: Listed<Item>, as: (item: Item) => object): object {
  return { items: items.map(as), more }
}

function usageCommand(program: Command): void {
  leaf(program, 'usage', {
    summary: 'sign-ins, failures and new people by day',
    description: `Counts what was done by day (UTC), at most ${USAGE_DAYS_MOST} days, and the sessions that are open now.`,
    examples: ['usage', 'usage --from 2026-11-01 --to 2026-11-30 --json'],
  })
    .option(
      '--from <day>',
      `first day; ${USAGE_DAYS_USUAL} days up to the last unless given`,
      ruled(USAGE_DAY),
    )
    .option('--to <day>', 'last day; today unless given', ruled(USAGE_DAY))
    .action(answers(usage))
}

async function usage(asked: { from?: string; to?: string }): Promise<Answer> {
  const now = new Date()
  const { fault, ...range } = usageRange(asked, now)
  if (fault !== undefined) throw new UsageError(`--from ${fault}`)
  return withStorage(async ({ storage }) => {
    const json = await usageOf(storage.database.usage, range, now)
    const rows = json.days.map(({ day, sign_ins, sign_outs, failures, new_users }) => [
      ...[day, sign_ins, failures.wrong_credentials, failures.throttled, sign_outs],
      ...[new_users.registered, new_users.created],
    ])
    const head = ['day', 'sign-ins', 'wrong', 'throttled', 'sign-outs', 'registered', 'created']
    const table = [head, ...rows].map(([day, ...counts]) =>
      [String(day).padEnd(10), ...counts.map((count) => String(count).padStart(10))].join('  '),
    )
    return { json, words: [...table, '', `${json.active_sessions} sessions are open.`].join('\n') }
  })
}
