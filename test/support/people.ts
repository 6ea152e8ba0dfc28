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

export async function createPerson(running: RunningApp, options: PersonOptions): Promise<User> {
  const { users } = running.app.storage.database
  const { memoryKiB: memory, iterations: passes } = running.config.hashing
  const keyring = new Keyring()
  await new DataKeys(running.app.storage.dataKeys, keyring, { current: running.secrets.rootKey }).open()
  const hasher = new Argon2Hasher(keyring, { memory, passes })
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
