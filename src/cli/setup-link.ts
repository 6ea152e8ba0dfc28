/** `npm run setup-link`: prints the one-time link for the first administrator; the link printed before stops working. */
import { dataKeys } from '../app-parts.ts'
import { ConfigError, loadConfig } from '../config/load.ts'
import { readSettings } from '../config/read-env.ts'
import { CommonPasswords } from '../crypto/common-passwords.ts'
import { Keyring } from '../crypto/keyring.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom } from '../crypto/random.ts'
import { Setup } from '../domain/setup/service.ts'
import { paths } from '../http/urls.ts'
import { explainStartFailure } from '../start-failure.ts'
import { chooseStorage } from '../storage/choose.ts'

try {
  await main()
} catch (error) {
  console.error(error instanceof ConfigError ? error.message : explainStartFailure(error))
  process.exitCode = 1
}

async function main(): Promise<void> {
  const { raw, faults } = readSettings()
  const { config, secrets } = loadConfig(raw, faults)
  const keyring = new Keyring()
  const storage = await chooseStorage({
    database:
      config.database.kind === 'postgres'
        ? { kind: 'postgres', url: String(secrets.databaseUrl), poolSize: 2 }
        : config.database,
    atRest: keyring,
    onError: (error) => console.error(error.message),
  })
  try {
    // A database that was never started on has no place for the link yet.
    await storage.migrate()
    await dataKeys(storage, secrets, keyring).open()
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
  } finally {
    await storage.close()
  }
}
