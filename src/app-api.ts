/** Part of the composition root: the API, with the services behind it. */
import type { ApiServices } from './api/deps.ts'
import { DOCS_REDIRECT } from './api/edge/docs.ts'
import { api } from './api/edge/koa.ts'
import { auditServices } from './app-audit.ts'
import { type AuthParts, authServices } from './app-auth.ts'
import { explainer, resourceServers, signingKeys, testRequests } from './app-parts.ts'
import { userDeletion } from './app-purge.ts'
import { systemReport } from './app-system.ts'
import { userTransfer } from './app-transfer.ts'
import { webhookAdministration } from './app-webhooks.ts'
import type { Config } from './config/config.ts'
import { secureRandom } from './crypto/random.ts'
import type { Access } from './domain/access/service.ts'
import { ClientAdministration } from './domain/clients/administration.ts'
import { InitialAccessTokens } from './domain/clients/initial-access-tokens.ts'
import { findFailure } from './domain/failures/service.ts'
import { DeadLetters } from './domain/operations/dead-letters.ts'
import { ApplicationRoles } from './domain/permissions/application-roles.ts'
import { permissionsOf } from './domain/permissions/permissions.ts'
import { Roles } from './domain/permissions/roles.ts'
import type { Throttle } from './domain/protection/throttle.ts'
import { UserAdministration } from './domain/users/administration.ts'
import { AccountExport } from './domain/users/export.ts'
import { PasswordLinks } from './domain/users/password-links.ts'
import type { Logger } from './lib/log.ts'
import { usableAccount } from './oidc/account.ts'
import { apiAudience, readBearer } from './oidc/api-access.ts'
import { clientCheck } from './oidc/client-check.ts'
import { digestSecret } from './oidc/client-secret.ts'
import type { DeclaredClient } from './oidc/declared-clients.ts'
import type { Outbound } from './outbound/outbound.ts'
import { isUnavailable } from './storage/faults.ts'
import { version } from './version.ts'

export interface ApiParts extends AuthParts {
  log: Logger
  access: Access
  throttle: Throttle
  clientsChanged: () => void
  outbound: Outbound
  webhooksSoon: () => void
}

export function openApi(parts: ApiParts) {
  const { config, storage, log, engine, throttle } = parts
  const { database, byId, ephemeral } = storage
  const audience = apiAudience(config.issuer)
  return api({
    issuer: config.issuer,
    version,
    auth: config.api.auth,
    services: servicesOf(parts),
    readBearer: readBearer({
      ...{ engine, ephemeral, audience },
      account: usableAccount(byId.users, isUnavailable),
    }),
    idempotency: database.idempotency,
    corsOrigins: config.api.corsOrigins,
    ...{ throttle, isUnavailable, log },
  })
}

function servicesOf(parts: ApiParts): ApiServices {
  const {
    config,
    storage,
    keyring,
    clock,
    engine,
    access,
    clientsChanged,
    hasher,
    policy,
    throttle,
    mailSoon,
    accessEnded,
  } = parts
  const { database } = storage
  const random = secureRandom
  return {
    users: new UserAdministration({ database, hasher, random, policy, mailSoon }),
    ...userTransfer(parts, accessEnded),
    clients: new ClientAdministration({
      ...{ database, random, clientsChanged },
      check: clientCheck(engine),
      digestSecret: (secret) => digestSecret(keyring, secret),
    }),
    access,
    deletion: userDeletion(parts),
    passwordLinks: new PasswordLinks({ database, random, mailSoon, accessEnded }),
    auth: authServices(parts),
    export: new AccountExport({ database, throttle, clock }),
    roles: new Roles(database),
    applicationRoles: new ApplicationRoles(database),
    resourceServers: resourceServers(config, storage),
    initialAccessTokens: new InitialAccessTokens({ database, random, keyed: keyring }),
    signingKeys: signingKeys(config, storage),
    deadLetters: new DeadLetters({ database, mailSoon }),
    testRequest: testRequests(config),
    settings: settingsReport(config),
    permissionsOf: async (userId) => permissionsOf(await database.roles.heldBy(userId)),
    directory: database,
    audit: auditServices(config, storage),
    webhooks: {
      list: () => database.webhooks.list(),
      find: (id) => database.webhooks.find(id),
      deliveries: (query) => database.webhooks.deliveries(query),
      administration: webhookAdministration(parts, parts.webhooksSoon),
    },
    sealer: keyring,
    now: () => clock.now(),
    system: () => systemReport(config, storage),
    async explain(code) {
      const failure = await findFailure(database.failures, code)
      if (!failure) return undefined
      return { failure, explanation: await explainer(config, storage).explain(failure, 'operator') }
    },
  }
}

/** Secrets are no part of the configuration. */
function settingsReport({ given, database, ...others }: Config): ApiServices['settings'] {
  const effective = {
    ...others,
    database: database.kind === 'pglite' ? { kind: 'embedded', dataDir: database.dataDir } : database,
  }
  return { items: given, effective: JSON.parse(JSON.stringify(effective)) as Record<string, unknown> }
}

/**
 * What `/docs` signs in as: public, with PKCE, with no other address to come back to than our own; and people are asked,
 * as for any app that anybody can pretend to be.
 */
export function docsClient(issuer: string): DeclaredClient {
  return {
    client_id: 'ostiary-docs',
    client_name: 'API documentation',
    token_endpoint_auth_method: 'none',
    redirect_uris: [issuer + DOCS_REDIRECT],
    grant_types: ['authorization_code'],
    response_types: ['code'],
  }
}
