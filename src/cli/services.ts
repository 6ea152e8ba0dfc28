/** The services that the API uses, as a command uses them: the same rules, words and audit records, with the actor `cli`. */
import { CommonPasswords } from '../crypto/common-passwords.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom } from '../crypto/random.ts'
import { Access, type Actor } from '../domain/access/service.ts'
import { ClientAdministration } from '../domain/clients/administration.ts'
import type { Person } from '../domain/directory/directory.ts'
import { UserAdministration } from '../domain/users/administration.ts'
import { clientCheck } from '../oidc/client-check.ts'
import { digestSecret } from '../oidc/client-secret.ts'
import { Refusal } from './answer.ts'
import type { Opened } from './stores.ts'

/** Who can read the settings may everything: there is nobody to ask. */
export const CLI: Actor = { by: 'cli' }

export function userAdministration({ config, storage, keyring }: Opened): UserAdministration {
  const common = CommonPasswords.load()
  const { memoryKiB: memory, iterations: passes } = config.hashing
  return new UserAdministration({
    database: storage.database,
    hasher: new Argon2Hasher(keyring, { memory, passes }),
    random: secureRandom,
    policy: {
      minLength: config.password.minLength,
      isCommon: (password) => common.isCommon(password),
      contextWords: [config.brandName],
    },
    // A running process sends it with its next look; with the embedded database, the next start does.
    mailSoon: () => {},
  })
}

export function accessService({ storage }: Opened): Access {
  return new Access(storage.database, clientsChanged(storage))
}

/** With the engine, which knows what a client's metadata may say. */
export async function clientAdministration(opened: Opened): Promise<ClientAdministration> {
  const { storage, keyring } = opened
  // Loaded when needed: it is most of the server.
  const { engineOf } = await import('./engine.ts')
  return new ClientAdministration({
    database: storage.database,
    random: secureRandom,
    check: clientCheck(await engineOf(opened)),
    digestSecret: (secret) => digestSecret(keyring, secret),
    clientsChanged: clientsChanged(storage),
  })
}

/** @param who an e-mail address or an id */
export async function personOf(who: string, { storage: { database } }: Opened): Promise<Person> {
  const id = who.includes('@') ? (await database.users.findByEmail(who))?.id : who
  const person = id === undefined ? undefined : await database.people.find(id)
  if (!person) throw new Refusal('not_found', `Nothing was changed: there is nobody called ${who}.`)
  return person
}

function clientsChanged(storage: Opened['storage']): () => void {
  return () => {
    storage.changes.expire('clients')
    storage.notices.publish('clients')
  }
}
