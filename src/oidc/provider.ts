/** THE configuration of the engine: composition only. Every value is made, explained and tested where it lives. */
import Provider, { type Configuration } from 'oidc-provider'
import type { Lifetimes } from '../config/config.ts'
import type { AuthorizationTypes } from '../domain/authorization/type.ts'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { ConsentRepository, KeyedHash, UserRepository } from '../domain/ports.ts'
import type { PollPace } from '../domain/protection/poll-pace.ts'
import type { Outbound } from '../outbound/outbound.ts'
import type { Changes } from '../storage/changes.ts'
import { findAccount, usableAccount } from './account.ts'
import { type AdapterDeps, createAdapter } from './adapter.ts'
import { sendOnlyFromOutbox } from './backchannel.ts'
import { type CibaDeps, orNobody, unauthorizedClient } from './ciba.ts'
import { CLAIMS_BY_SCOPE, SCOPES } from './claims.ts'
import { OPERATOR_METADATA, REGISTERED_METADATA } from './client-adapter.ts'
import { checkClientAssertion } from './client-assertions.ts'
import { keepClients } from './client-cache.ts'
import { clientRules } from './client-rules.ts'
import { compareClientSecret } from './client-secret.ts'
import { clientBasedCORS } from './cors.ts'
import { deviceSessionGuard } from './device.ts'
import { corrected, discovery, type OperatorPages } from './discovery.ts'
import { type ExchangeDeps, registerTokenExchange } from './exchange/handler.ts'
import { extraTokenClaims } from './exchange/link.ts'
import type { Failures } from './failures.ts'
import { algorithms, features } from './features.ts'
import type { ChallengeDeps } from './first-party/challenge.ts'
import { challengeEndpoint } from './first-party/endpoint.ts'
import { FRONT_CHANNEL_METADATA, frontChannelLogout, nameSessions } from './frontchannel.ts'
import { loadExistingGrant } from './grants.ts'
import { takeIdTokensAsHints } from './id-token-hints.ts'
import type { Keys } from './keys.ts'
import type { KnownResources } from './known-resources.ts'
import { type SignOutDeps, signOutEverywhere } from './logout.ts'
import { type Mtls, mtlsAliases, mtlsAuthMethods } from './mtls.ts'
import { engineFetch } from './outbound.ts'
import type { EnginePages } from './pages.ts'
import { pairwiseIdentifier, validatesSectorNow } from './pairwise.ts'
import { pkceRequired } from './pkce.ts'
import { pollPace } from './poll-pace.ts'
import { postAsGet } from './post-as-get.ts'
import { prompts } from './prompts.ts'
import { registrationGuard } from './registration.ts'
import type { RegistrationFeatureDeps } from './registration-policy.ts'
import { renderError } from './render-error.ts'
import { userinfoChallenge } from './resource-metadata.ts'
import { untypedRevocationAnswer } from './revocation-answer.ts'
import { type RoleDeps, rolesAt, withRoles } from './role-claims.ts'
import { ENDPOINTS } from './routes.ts'
import { sessionCookieOnce } from './session-cookie.ts'
import { expiresWithSession, issueRefreshToken, rotateRefreshToken, ttl } from './tokens.ts'

export interface ProviderDeps extends AdapterDeps, SignOutDeps, Omit<ExchangeDeps, 'account'>, RoleDeps {
  issuer: string
  keys: Keys
  /** of ID tokens */
  signingAlgorithms: readonly SigningAlgorithm[]
  keyed: KeyedHash
  /** by id, as every request reads them */
  usersById: Pick<UserRepository, 'find'>
  changes: Changes
  consents: ConsentRepository
  pages: EnginePages
  failures: Failures
  outbound: Pick<Outbound, 'fetch'>
  resources: KnownResources
  mtls: Mtls | undefined
  authorizationTypes: AuthorizationTypes
  /** shown in the ID token's `acr` and in discovery */
  acrValues: readonly string[]
  lifetimes: Lifetimes
  operatorPages: OperatorPages
  pairwiseSalt: string
  pollPace: PollPace
  registration: RegistrationFeatureDeps
  challenge: ChallengeDeps
  ciba: CibaDeps
}

export function createProvider(deps: ProviderDeps): Provider {
  const secure = deps.issuer.startsWith('https:')
  const prefix = secure ? '__Host-' : ''
  const rotates = rotateRefreshToken(deps.lifetimes)
  const account = usableAccount(deps.usersById, deps.isUnavailable)
  const configuration: Configuration = {
    adapter: createAdapter(deps),
    findAccount: orNobody(findAccount(account, rolesAt(deps))),
    jwks: deps.keys.jwks as NonNullable<Configuration['jwks']>,
    routes: ENDPOINTS,
    scopes: [...SCOPES],
    claims: Object.fromEntries(
      Object.entries(CLAIMS_BY_SCOPE).map(([scope, claims]) => [scope, [...claims]]),
    ),
    acrValues: [...deps.acrValues],
    discovery: {
      ...discovery(deps.issuer, deps.operatorPages, deps.clientDocuments.enabled),
      mtls_endpoint_aliases: mtlsAliases(deps.issuer, deps.mtls),
    },
    subjectTypes: ['public', 'pairwise'],
    pairwiseIdentifier: pairwiseIdentifier(deps.pairwiseSalt),
    sectorIdentifierUriValidate: validatesSectorNow,
    responseTypes: ['code'],
    pkce: { required: pkceRequired },
    ttl: ttl(deps.lifetimes),
    issueRefreshToken,
    rotateRefreshToken: (ctx) => !deps.refreshWindow.isRepeated(ctx) && rotates(ctx),
    expiresWithSession,
    extraTokenClaims: withRoles(deps, extraTokenClaims(deps)),
    loadExistingGrant: loadExistingGrant(deps.consents, deps.isUnavailable),
    clientBasedCORS,
    renderError: renderError(deps.pages, deps.failures),
    fetch: engineFetch(deps.outbound),
    fetchResponseBodyLimits: { jwks_uri: 65_536, sector_identifier_uri: 65_536 },
    allowOmittingSingleRegisteredRedirectUri: false,
    acceptQueryParamAccessTokens: false,
    // FAPI 2.0 Security Profile 5.3.2.1 asks for ten seconds.
    clockTolerance: 10,
    assertJwtClientAuthClaimsAndHeader: checkClientAssertion,
    clientAuthMethods: [
      ...(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none'] as const),
      ...mtlsAuthMethods(deps.mtls),
    ],
    enabledJWA: algorithms(deps.signingAlgorithms),
    extraClientMetadata: {
      properties: [...OPERATOR_METADATA, ...REGISTERED_METADATA, ...FRONT_CHANNEL_METADATA],
      validator: clientRules(deps.mtls, deps.authorizationTypes) as NonNullable<
        Configuration['extraClientMetadata']
      >['validator'],
    },
    cookies: {
      keys: deps.keys.cookieKeys,
      names: {
        session: `${prefix}ostiary_session`,
        interaction: 'ostiary_interaction',
        resume: 'ostiary_resume',
      },
      long: { httpOnly: true, sameSite: 'lax', secure, path: '/' },
      short: { httpOnly: true, sameSite: 'lax', secure },
    },
    interactions: {
      policy: prompts(deps.authorizationTypes),
      url: (_ctx, interaction) => `/interaction/${interaction.uid}`,
    },
    features: features({ ...deps, account, cookieKeys: deps.keys.cookieKeys }),
  }
  const provider = new Provider(deps.issuer, configuration)
  // The front door has made the forwarded headers its own before the engine sees them.
  provider.proxy = true
  const client = provider.Client.prototype as unknown as {
    compareClientSecret: ReturnType<typeof compareClientSecret>
  }
  client.compareClientSecret = compareClientSecret(deps)
  sendOnlyFromOutbox(provider)
  nameSessions(provider)
  takeIdTokensAsHints(provider)
  keepClients(
    provider,
    deps.changes,
    (id) => createAdapter(deps)('Client').find(id) as Promise<object | undefined>,
    deps.isUnavailable,
    (id) => deps.clientDocuments.concerns(id),
  )
  registerTokenExchange(provider, { ...deps, account })
  provider.use(registrationGuard(ENDPOINTS.registration, deps) as never)
  provider.use(postAsGet(ENDPOINTS.authorization) as never)
  provider.use(postAsGet(ENDPOINTS.end_session) as never)
  provider.use(untypedRevocationAnswer() as never)
  provider.use(userinfoChallenge(deps.issuer) as never)
  provider.use(deviceSessionGuard as never)
  provider.use(pollPace(deps.pollPace) as never)
  provider.use(sessionCookieOnce(provider) as never)
  provider.use(frontChannelLogout(provider, deps.pages) as never)
  provider.use(signOutEverywhere(deps) as never)
  challengeEndpoint(provider, deps.challenge)
  provider.use(corrected as never)
  provider.use(unauthorizedClient as never)
  return provider
}
