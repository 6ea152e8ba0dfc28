/** Part of the composition root: declarations, on the services that the API uses. */
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { docsClient } from './app-api.ts'
import { readClients, readTypesFile } from './app-parts.ts'
import type { Config } from './config/config.ts'
import { readVariable } from './config/read-env.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import { ApplicationRoleKind } from './declarative/kinds/application-roles.ts'
import { AuthorizationTypeKind } from './declarative/kinds/authorization-types.ts'
import { Clients } from './declarative/kinds/clients.ts'
import { ResourceServers as ResourceServerKind } from './declarative/kinds/resource-servers.ts'
import { RoleKind } from './declarative/kinds/roles.ts'
import { Declarative } from './declarative/service.ts'
import { Access } from './domain/access/service.ts'
import { AuthorizationTypeAdministration } from './domain/authorization/administration.ts'
import { ClientAdministration } from './domain/clients/administration.ts'
import { ApplicationRoles } from './domain/permissions/application-roles.ts'
import { Roles } from './domain/permissions/roles.ts'
import type { Database } from './domain/ports.ts'
import { ResourceServers } from './domain/resources/service.ts'
import { apiAudience } from './oidc/api-access.ts'
import { API_CLIENT } from './oidc/api-client.ts'
import { clientCheck } from './oidc/client-check.ts'
import { digestSecret, secretMatches } from './oidc/client-secret.ts'
import type { Engine } from './oidc/engine.ts'
import type { Storage } from './storage/choose.ts'

export interface DeclarativeParts {
  config: Config
  storage: Storage
  keyring: Keyring
  engine: Engine
  /** of the declarations: files of secrets are found from there */
  file: string
}

export async function declarative({
  config,
  storage,
  keyring,
  engine,
  file,
}: DeclarativeParts): Promise<Declarative> {
  const { clientsFile, authorizationDetailsFile, resourceServers, signing, issuer } = config
  const declaredClients = [docsClient(issuer), ...(await readClients(clientsFile))]
  const declaredTypes =
    authorizationDetailsFile === undefined ? [] : await readTypesFile(authorizationDetailsFile)
  const { algorithms } = signing
  const check = clientCheck(engine)
  const own = apiAudience(issuer)
  const declared = resourceServers.map(({ audience }) => audience)
  const kindsOn = (database: Database) => [
    new AuthorizationTypeKind({
      repositories: database,
      administration: new AuthorizationTypeAdministration(database),
      reserved: new Set(declaredTypes.map(({ name }) => name)),
    }),
    new ResourceServerKind({
      ...{ repositories: database, algorithms },
      // Told after the whole.
      service: new ResourceServers({ database, algorithms, own, declared, changed() {} }),
      reserved: new Set([own, ...declared]),
    }),
    new Clients({
      ...{ repositories: database, check },
      clients: new ClientAdministration({
        ...{ database, random: secureRandom, check, clientsChanged() {} },
        digestSecret: (secret) => digestSecret(keyring, secret),
      }),
      access: new Access(database),
      reserved: new Set([API_CLIENT, ...declaredClients.map(({ client_id: id }) => id)]),
      matches: (digest, secret) => secretMatches(keyring, digest, secret),
      secretAt: (reference) => secretAt(reference, file),
    }),
    new RoleKind({ repositories: database, service: new Roles(database) }),
    new ApplicationRoleKind({ repositories: database, service: new ApplicationRoles(database) }),
  ]
  return new Declarative({
    database: storage.database,
    kindsOn,
    changed() {
      for (const topic of ['clients', 'resources'] as const) {
        storage.changes.expire(topic)
        storage.notices.publish(topic)
      }
    },
  })
}

/** What is not there is told by the plan, with the line that names it. */
async function secretAt(
  reference: Readonly<Record<string, unknown>>,
  file: string,
): Promise<string | undefined> {
  if (typeof reference.env === 'string') return readVariable(reference.env)
  const text = await readFile(resolve(dirname(file), String(reference.file)), 'utf8').catch(() => undefined)
  return text?.trimEnd()
}
