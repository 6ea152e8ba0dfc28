/** `ostiary setup-link`: the one-time link for the first administrator; the link printed before stops working. */
import type { Command } from 'commander'
import { passwordPolicy } from '../app-services.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom } from '../crypto/random.ts'
import { Setup } from '../domain/setup/service.ts'
import { paths } from '../http/urls.ts'
import { answers } from './answer.ts'
import { leaf } from './leaf.ts'
import { withStorage } from './stores.ts'

export function setupLinkCommand(program: Command): void {
  leaf(program, 'setup-link', {
    summary: 'the one-time link for the first administrator',
    description: `Prints a one-time link by which the first administrator chooses a password, while there is none. The link
printed before stops working.`,
    examples: ['setup-link'],
  }).action(
    answers(() =>
      withStorage(async ({ config, storage, keyring }) => {
        const token = await new Setup({
          database: storage.database,
          hasher: new Argon2Hasher(keyring),
          random: secureRandom,
          keyed: keyring,
          policy: passwordPolicy(config),
        }).issueToken()
        const link = token === undefined ? undefined : `${config.issuer}${paths.setup(token)}`
        return { json: { link: link ?? null }, words: link ?? 'There is an administrator already.' }
      }),
    ),
  )
}
