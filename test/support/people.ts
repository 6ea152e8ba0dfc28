/** People with accounts, made in the store by the app's own rules for passwords at rest. */
import { DataKeys } from '../../src/crypto/data-keys.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { Argon2Hasher } from '../../src/crypto/password-hasher.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import type { Profile, User } from '../../src/domain/users/user.ts'
import { PASSWORD } from './relying-party.ts'
import type { RunningApp } from './start-app.ts'

export interface PersonOptions {
  email: string
  password?: string
  verified?: boolean
  username?: string
  profile?: Profile
}

/** The deployment's keys, as its processes hold them. */
export async function keyringOf({ app, secrets }: Pick<RunningApp, 'app' | 'secrets'>): Promise<Keyring> {
  const keyring = new Keyring()
  await new DataKeys(app.storage.dataKeys, keyring, { current: secrets.rootKey }).open()
  return keyring
}

export async function createPerson(
  running: Pick<RunningApp, 'app' | 'secrets' | 'config'>,
  options: PersonOptions,
): Promise<User> {
  const { users } = running.app.storage.database
  const { memoryKiB: memory, iterations: passes } = running.config.hashing
  const hasher = new Argon2Hasher(await keyringOf(running), { memory, passes })
  const user = await users.insert({
    id: secureRandom.id('usr'),
    email: options.email,
    emailVerified: options.verified ?? true,
    username: options.username,
    profile: options.profile ?? {},
  })
  if (options.username) await users.takeUsername(options.username, user.id)
  await users.setPassword(user.id, await hasher.hash(options.password ?? PASSWORD))
  return user
}
