/** `ostiary client secrets …`: the secret of an application, and the one before while it still works. */
import type { Command } from 'commander'
import { secretOf } from '../api/schemas.ts'
import { type ClientSecret, FORMER_DAYS } from '../domain/clients/secrets.ts'
import { answers } from './answer.ts'
import { group, leaf, wholeNumber } from './leaf.ts'
import { applicationOf, CLI, secretAdministration } from './services.ts'
import { withStorage } from './stores.ts'

export function secretCommands(client: Command): void {
  const secrets = group(client, 'secrets', 'the secret of a client, and the one before while it works')
  leaf(secrets, 'list', {
    summary: 'which secrets work: made, ends, last used; never the secrets',
    examples: ['client secrets list web'],
  })
    .argument('<client-id>')
    .action(
      answers((id: string) =>
        withStorage(async (opened) => {
          await applicationOf(id, opened)
          const found = await opened.storage.database.clients.secrets(id)
          return { json: found.map(secretOf), words: found.map(inWords).join('\n') || `${id} has no secret` }
        }),
      ),
    )
  leaf(secrets, 'replace', {
    summary: 'make another secret, shown this once',
    description: `Makes another secret and shows it this once. The one before goes on working for ${FORMER_DAYS.usual} days, or as long as you
say; with --expire-now it ends at once.`,
    examples: ['client secrets replace web', 'client secrets replace --expire-now web'],
  })
    .argument('<client-id>')
    .option(
      '--keep-days <days>',
      'how long the one before works',
      wholeNumber(FORMER_DAYS.least, FORMER_DAYS.most),
    )
    .option('--expire-now', 'it got into wrong hands')
    .action(
      answers((id: string, { keepDays, expireNow }: { keepDays?: number; expireNow?: boolean }) =>
        withStorage(async (opened) => {
          const days = expireNow ? 0 : (keepDays ?? FORMER_DAYS.usual)
          const { secret } = await secretAdministration(opened).replaceSecret(id, undefined, CLI, {
            keepDays: days,
          })
          return { json: { client_id: id, client_secret: secret, former_days: days }, words: secret }
        }),
      ),
    )
  leaf(secrets, 'revoke', {
    summary: 'end the former secret before its time',
    examples: ['client secrets revoke web'],
  })
    .argument('<client-id>')
    .action(
      answers((id: string) =>
        withStorage(async (opened) => {
          await secretAdministration(opened).revokeFormerSecret(id, CLI)
          return {
            json: { client_id: id, revoked: 'former' },
            words: `The former secret of ${id} has ended.`,
          }
        }),
      ),
    )
}

function inWords({ id, madeAt, expiresAt, lastUsedOn }: ClientSecret): string {
  const day = (moment: Date) => moment.toISOString().slice(0, 10)
  const end = expiresAt ? `, ends ${day(expiresAt)}` : ''
  return `${id.padEnd(8)} made ${day(madeAt)}, last used ${lastUsedOn ?? 'never'}${end}`
}
