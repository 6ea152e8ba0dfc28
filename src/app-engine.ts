/** Part of the composition root: the engine with everything it is given, on keys that follow the database's. */

import { authorizationTypes, explainer, signingKeys } from './app-parts.ts'
import type { Telemetry } from './app-telemetry.ts'
import type { Config, Secrets } from './config/config.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import { Access } from './domain/access/service.ts'
import { ApprovalAnswers } from './domain/approvals/answer.ts'
import { FAILURE_LIMITS, type FailureLimits } from './domain/failures/limit.ts'
import type { Clock } from './domain/ports.ts'
import { PollPace } from './domain/protection/poll-pace.ts'
import { AuthSessions } from './domain/sign-in/auth-sessions.ts'
import { DirectSignIn } from './domain/sign-in/direct.ts'
import type { Services } from './http/deps.ts'
import { enginePages } from './http/engine-pages.ts'
import { ACR_PASSWORD } from './http/interaction/dispatch.ts'
import { isLoopback } from './http/loopback.ts'
import type { Pages } from './http/pages.ts'
import { stateOf } from './http/state.ts'
import type { Logger } from './lib/log.ts'
import { Admissions } from './oidc/admissions.ts'
import { apiResourceServer } from './oidc/api-access.ts'
import { isApiClient } from './oidc/api-client.ts'
import { answer } from './oidc/ciba.ts'
import { documentAdmission } from './oidc/client-document-admission.ts'
import { ClientDocuments } from './oidc/client-documents.ts'
import { engineEvents } from './oidc/events.ts'
import { Failures } from './oidc/failures.ts'
import { KnownResources } from './oidc/known-resources.ts'
import { LiveEngine } from './oidc/live-engine.ts'
import { PAIRWISE_SALT, PAIRWISE_SALT_BYTES } from './oidc/pairwise.ts'
import { createProvider } from './oidc/provider.ts'
import { RefreshWindow } from './oidc/refresh-window.ts'
import { resourceMetadata } from './oidc/resource-metadata.ts'
import { SoftwareStatements } from './oidc/software-statements.ts'
import { countTokens } from './oidc/token-count.ts'
import { sessionLifetime } from './oidc/tokens.ts'
import type { Outbound } from './outbound/outbound.ts'
import type { Storage } from './storage/choose.ts'
import { isUnavailable, isUnstorable } from './storage/faults.ts'

export interface EngineParts {
  config: Config
  secrets: Secrets
  storage: Storage
  keyring: Keyring
  clock: Clock
  log: Logger
  pages: Pages
  services: Pick<Services, 'signIn' | 'verification' | 'approvals' | 'throttle'>
  /** runs the mail worker now instead of at its next look */
  mailSoon: () => void
  outbound: Outbound
  /** something of somebody may have ended: applications wait to be told */
  accessEnded: () => void
  telemetry: Pick<Telemetry, 'measures' | 'operations'>
}

/** The engine, and beside it what the pages and the closing of the app share with it. */
export async function openEngine(
  {
    config,
    secrets,
    storage,
    keyring,
    clock,
    log,
    pages,
    outbound,
    accessEnded,
    services,
    mailSoon,
    telemetry,
  }: EngineParts,
  failureLimits: Partial<FailureLimits> = {},
) {
  const { database, artifacts } = storage
  const evaluation = config.mode === 'evaluation'
  const clientsChanged = () => {
    storage.changes.expire('clients')
    storage.notices.publish('clients')
  }
  const factsOf = (ctx: object) => stateOf(ctx as never).facts
  const refreshWindow = new RefreshWindow(artifacts, log)
  const failures = new Failures({
    failures: database.failures,
    explainer: explainer(config, storage),
    limits: { ...FAILURE_LIMITS, ...failureLimits },
    ...{ clock, random: secureRandom, log, evaluation, isOperator: isLoopback },
    factsOf,
  })
  const access = new Access(database, clientsChanged, accessEnded)
  const resources = new KnownResources({
    builtIn: [apiResourceServer(config.issuer)],
    resourceServersById: storage.byId.resourceServers,
    changes: storage.changes,
    isUnavailable,
  })
  const types = await authorizationTypes(config, storage)
  const outwardPages = enginePages({ pages, users: database.users })
  const { mode, statementIssuers, documents: documentPolicy } = config.registration
  const admissions = new Admissions({
    tokens: database.initialAccessTokens,
    configured: secrets.initialAccessToken,
    ...{ keyed: keyring, clock, open: mode === 'open' },
  })
  const statements = new SoftwareStatements({
    issuers: statementIssuers,
    audience: config.issuer,
    outbound,
  })
  const clientDocuments = new ClientDocuments({
    policy: documentPolicy,
    plainOrigins: config.outboundAllow,
    documents: database.clientDocuments,
    admit: documentAdmission(services.throttle, factsOf),
    ...{ outbound, clock, log, clientsChanged, isUnavailable },
  })
  const challenge = {
    signIn: new DirectSignIn({
      database,
      clock,
      mailSoon,
      signIn: services.signIn,
      verification: services.verification,
    }),
    sessions: new AuthSessions({ ephemeral: storage.ephemeral, keyed: keyring, random: secureRandom }),
    ...{
      audit: storage.audit,
      clock,
      random: secureRandom,
      acr: ACR_PASSWORD,
      factsOf,
      isUnavailable,
      isUnstorable,
    },
    sessionLifetime: (session: object, clientId: string) =>
      sessionLifetime(config.lifetimes, session, isApiClient({ clientId })),
  }
  const providerDeps = {
    issuer: config.issuer,
    signingAlgorithms: config.signing.algorithms,
    keyed: keyring,
    usersById: storage.byId.users,
    clients: database.clients,
    clientsById: storage.byId.clients,
    registeredClients: storage.registeredClients,
    units: storage.units,
    clientsChanged,
    changes: storage.changes,
    consents: database.consents,
    applicationRoles: database.applicationRoles,
    artifacts,
    pages: outwardPages,
    failures,
    outbound,
    resources,
    atRest: keyring,
    audit: storage.audit,
    authorizationTypes: types,
    acrValues: [ACR_PASSWORD],
    lifetimes: config.lifetimes,
    operatorPages: config.pages,
    challenge,
    ciba: {
      ...{ approvals: services.approvals, throttle: services.throttle, keyed: keyring, clock },
      ...{ users: database.users, outbox: database.outbox },
      mailSoon: () => storage.units.afterCommit(mailSoon),
    },
    access,
    accessEnded,
    mtls: config.mtls && { origin: config.mtls.origin, verifies: config.mtls.verifyHeader !== undefined },
    pollPace: new PollPace(storage.ephemeral),
    pairwiseSalt: await database.deploymentSecrets.once(PAIRWISE_SALT, () =>
      secureRandom.token(PAIRWISE_SALT_BYTES),
    ),
    factsOf,
    admissions,
    clientDocuments,
    registration: { enabled: mode !== 'off', admissions, statements },
    refreshWindow,
    isUnavailable,
    isUnstorable,
  }
  const metadata = resourceMetadata({ ...providerDeps, brandName: config.brandName })
  const events = engineEvents({ audit: storage.audit, log, failures, factsOf })
  const signing = signingKeys(config, storage)
  await signing.advance()
  const live = await LiveEngine.open({
    signingKeys: database.signingKeys,
    changes: storage.changes,
    createProvider(keys) {
      const provider = createProvider({ ...providerDeps, keys })
      events.listen(provider)
      telemetry.operations.listen(provider)
      countTokens(provider, (kind) => telemetry.measures.token(kind))
      return provider
    },
  })
  return {
    engine: live.engine,
    ...{ live, outwardPages, events, failures, refreshWindow, metadata, resources, signingKeys: signing },
    authorizationTypes: types,
    ...{ access, clientsChanged },
    approvalAnswers: new ApprovalAnswers({
      approvals: services.approvals,
      store: storage.answers,
      write: (approval, given) => answer(live.engine.provider, approval, given),
    }),
  }
}
