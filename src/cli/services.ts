/** The services that the API uses, as a command uses them: the same rules, words and audit records, with the actor `cli`. */
import { passwordPolicy } from '../app-services.ts'
import { Argon2Hasher } from '../crypto/password-hasher.ts'
import { secureRandom } from '../crypto/random.ts'
import { Access, type Actor } from '../domain/access/service.ts'
import { ClientAdministration, type ClientAdministrationDeps } from '../domain/clients/administration.ts'
import type { Application, Person } from '../domain/directory/directory.ts'
import { UserAdministration } from '../domain/users/administration.ts'
import { clientCheck } from '../oidc/client-check.ts'
import { digestSecret } from '../oidc/client-secret.ts'
import { Refusal } from './answer.ts'
import type { Opened } from './stores.ts'

/** Of mail and notices: running processes look within seconds, and the next start does. */
export const BY_ITSELF = () => {}

/** Who can read the settings may everything: there is nobody to ask. */
export const CLI: Actor = { by: 'cli' }

export function userAdministration({ config, storage, keyring }: Opened): UserAdministration {
  const { memoryKiB: memory, iterations: passes } = config.hashing
  return new UserAdministration({
    database: storage.database,
    hasher: new Argon2Hasher(keyring, { memory, passes }),
    random: secureRandom,
    policy: passwordPolicy(config),
    mailSoon: BY_ITSELF,
  })
}

export function accessService({ storage }: Opened): Access {
  return new Access(storage.database, clientsChanged(storage))
}

/** With the engine, which knows what a client's metadata may say. */
export async function clientAdministration(opened: Opened): Promise<ClientAdministration> {
  // Loaded when needed: it is most of the server.
  const { engineOf } = await import('./engine.ts')
  return administrationWith(clientCheck(await engineOf(opened)), opened)
}

/** For what takes no metadata. */
export function secretAdministration(opened: Opened): ClientAdministration {
  return administrationWith(async () => {}, opened)
}

function administrationWith(
  check: ClientAdministrationDeps['check'],
  { storage, keyring }: Opened,
): ClientAdministration {
  return new ClientAdministration({
    ...{ database: storage.database, random: secureRandom, check },
    digestSecret: (secret) => digestSecret(keyring, secret),
    clientsChanged: clientsChanged(storage),
  })
}

/** How people are named on the command line. */
export const WHO = 'an e-mail address or an id'

/** @param who `WHO` */
export async function personOf(who: string, { storage: { database } }: Opened): Promise<Person> {
  const id = who.includes('@') ? (await database.users.findByEmail(who))?.id : who
  const person = id === undefined ? undefined : await database.people.find(id)
  if (!person) throw new Refusal('not_found', `There is nobody called ${who}.`)
  return person
}

export async function applicationOf(id: string, { storage: { database } }: Opened): Promise<Application> {
  const client = await database.applications.find(id)
  if (!client) throw new Refusal('not_found', `There is no client ${id}.`)
  return client
}

function clientsChanged(storage: Opened['storage']): () => void {
  return () => {
    storage.changes.expire('clients')
    storage.notices.publish('clients')
  }
}
