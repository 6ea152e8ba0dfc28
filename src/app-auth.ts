/** Part of the composition root: the sign-in by the API, its client and its services. */
import type { Config } from './config/config.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import { Access } from './domain/access/service.ts'
import { isDomainError } from './domain/errors.ts'
import { PasswordChange } from './domain/passwords/change.ts'
import type { PasswordPolicy } from './domain/passwords/policy.ts'
import type { Clock, Database, PasswordHasher } from './domain/ports.ts'
import { RegistrationByApp } from './domain/registration/by-app.ts'
import type { Services } from './http/deps.ts'
import { engineInside } from './http/inside.ts'
import { API_CLIENT, apiClient } from './oidc/api-client.ts'
import type { DeclaredClient } from './oidc/declared-clients.ts'
import type { Engine } from './oidc/engine.ts'
import { appSignIn } from './oidc/first-party/app-sign-in.ts'
import type { Operations } from './oidc/operations.ts'
import type { unitOfWork } from './oidc/unit-of-work.ts'
import type { Storage } from './storage/choose.ts'

export interface AuthParts {
  config: Config
  storage: Storage
  keyring: Keyring
  engine: Engine
  operations: Operations
  services: Services
  hasher: PasswordHasher
  policy: PasswordPolicy
  clock: Clock
  unit: ReturnType<typeof unitOfWork>
  mailSoon: () => void
  /** after access was ended */
  accessEnded: () => void
}

export function authServices(parts: AuthParts) {
  const { config, storage, keyring, engine, operations, services, mailSoon } = parts
  const { hasher, policy, clock, unit, accessEnded } = parts
  const { registration, verification, reset, signIn } = services
  const { database } = storage
  const { issuer } = config
  const random = secureRandom
  return {
    signIn: appSignIn({
      issuer,
      ask: engineInside(engine, operations, issuer, unit),
      random,
      sealer: keyring,
    }),
    registration: new RegistrationByApp({
      ...{ registration, users: database.users, random, mailSoon },
      tellsTaken: config.api.tellsTaken,
    }),
    ...{ verification, reset, mailSoon },
    change: new PasswordChange({ database, hasher, signIn, clock, policy, mailSoon, accessEnded }),
  }
}

/** Switched off, the client is gone, and with it every token it was given. */
export async function authClients(
  { api, issuer }: Config,
  database: Pick<Database, 'transaction' | 'clients'>,
  clientsChanged: () => void,
): Promise<DeclaredClient[]> {
  if (api.auth) return [apiClient(issuer)]
  if (!(await database.clients.find(API_CLIENT))) return []
  // Whom to tell is written down; the workers that tell them are not there yet.
  const access = new Access(database, clientsChanged)
  await access.deleteClient(API_CLIENT, { by: 'settings' }).catch((error: unknown) => {
    if (!isDomainError(error, 'not_found')) throw error
  })
  return []
}
