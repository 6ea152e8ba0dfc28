/** Part of the composition root: the engine with everything it is given, on keys that follow the database's. */
import { explainer, signingKeys } from './app-parts.ts'
import type { Config, Secrets } from './config/config.ts'
import type { Keyring } from './crypto/keyring.ts'
import { secureRandom } from './crypto/random.ts'
import { Access } from './domain/access/service.ts'
import { FAILURE_LIMITS, type FailureLimits } from './domain/failures/limit.ts'
import type { Clock } from './domain/ports.ts'
import { enginePages } from './http/engine-pages.ts'
import { ACR_PASSWORD } from './http/interaction/dispatch.ts'
import { isLoopback } from './http/loopback.ts'
import type { Pages } from './http/pages.ts'
import { stateOf } from './http/state.ts'
import type { Logger } from './lib/log.ts'
import { apiResourceServer } from './oidc/api-access.ts'
import { engineEvents } from './oidc/events.ts'
import { Failures } from './oidc/failures.ts'
import { LiveEngine } from './oidc/live-engine.ts'
import { createProvider } from './oidc/provider.ts'
import { RefreshWindow } from './oidc/refresh-window.ts'
import { countTokens } from './oidc/token-count.ts'
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
  countToken: (kind: string) => void
}

/** The engine, and beside it what the pages and the closing of the app share with it. */
export async function openEngine(
  { config, secrets, storage, keyring, clock, log, pages, countToken }: EngineParts,
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
  const access = new Access(database, clientsChanged)
  const outwardPages = enginePages({ pages, users: database.users })
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
    artifacts,
    pages: outwardPages,
    failures,
    resourceServers: [...config.resourceServers, apiResourceServer(config.issuer)],
    outboundAllow: config.outboundAllow,
    acrValues: [ACR_PASSWORD],
    lifetimes: config.lifetimes,
    operatorPages: config.pages,
    access,
    factsOf,
    initialAccessToken: secrets.initialAccessToken,
    refreshWindow,
    isUnavailable,
    isUnstorable,
  }
  const events = engineEvents({ audit: storage.audit, log, failures, factsOf })
  const signing = signingKeys(config, storage)
  await signing.advance()
  const live = await LiveEngine.open({
    signingKeys: database.signingKeys,
    changes: storage.changes,
    createProvider(keys) {
      const provider = createProvider({ ...providerDeps, keys })
      events.listen(provider)
      countTokens(provider, countToken)
      return provider
    },
  })
  return {
    ...{ engine: live.engine, live, outwardPages, events, failures, refreshWindow, signingKeys: signing },
    ...{ access, clientsChanged },
  }
}
