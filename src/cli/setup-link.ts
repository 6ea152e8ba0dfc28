/** `npm run setup-link`: prints the one-time link for the first administrator; the link printed before stops working. */
import { CommonPasswords } from '../crypto/common-passwords.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom } from '../crypto/random.ts'
import { Setup } from '../domain/setup/service.ts'
import { paths } from '../http/urls.ts'
import { runCommand, withStorage } from './command.ts'

await runCommand(() =>
  withStorage(async ({ config, storage, keyring }) => {
    const common = CommonPasswords.load()
    const token = await new Setup({
      database: storage.database,
      hasher: new Argon2Hasher(keyring),
      random: secureRandom,
      keyed: keyring,
      policy: {
        minLength: config.password.minLength,
        isCommon: (password) => common.isCommon(password),
        contextWords: [],
      },
    }).issueToken()
    console.log(
      token === undefined ? 'There is an administrator already.' : `${config.issuer}${paths.setup(token)}`,
    )
  }),
)
