/** What the engine is asked to do: each feature switched on with the standard it follows, or off with the reason. */
import { createHash } from 'node:crypto'
import type { Client, Configuration } from 'oidc-provider'
import type { AuthorizationTypes } from '../domain/authorization/type.ts'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { UsableAccount } from './account.ts'
import { detailResources, richAuthorizationRequests } from './authorization-details.ts'
import { type CibaDeps, ciba } from './ciba.ts'
import { checkRequestObject } from './client-assertions.ts'
import { deviceSuccessSource, USER_CODE, userCodeConfirmSource, userCodeInputSource } from './device.ts'
import { logoutSource, postLogoutSuccessSource } from './logout.ts'
import { type Mtls, mtlsFeature } from './mtls.ts'
import type { EnginePages } from './pages.ts'
import { type RegistrationFeatureDeps, registrationFeatures } from './registration-policy.ts'
import { type ResourceDeps, resourceServerInfo } from './resources.ts'
import { introspectionAllowed, revocationAllowed } from './token-policies.ts'

type Features = NonNullable<Configuration['features']>

export interface FeatureDeps extends ResourceDeps {
  pages: EnginePages
  authorizationTypes: AuthorizationTypes
  account: UsableAccount
  /** current first, the same on every node */
  cookieKeys: readonly string[]
  mtls: Mtls | undefined
  registration: RegistrationFeatureDeps
  ciba: CibaDeps
}

export function features({
  pages,
  account,
  cookieKeys,
  mtls,
  registration,
  ciba: cibaDeps,
  authorizationTypes,
  ...ofResources
}: FeatureDeps): Features {
  return {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true, allowedPolicy: introspectionAllowed(account, ofResources.resources) },
    revocation: { enabled: true, allowedPolicy: revocationAllowed },
    pushedAuthorizationRequests: { enabled: true },
    ...registrationFeatures(registration, mtls),
    backchannelLogout: { enabled: true },
    claimsParameter: { enabled: true },
    // RFC 9449 8: a proof that was made ahead of its use is worth nothing. Asked of those who are ready for it.
    dPoP: {
      enabled: true,
      nonceSecret: nonceSecret(cookieKeys),
      requireNonce: ({ oidc }) => isFapi(oidc.client),
    },
    mTLS: mtlsFeature(mtls),
    // Signed requests (RFC 9101), by value: by reference they are pushed (RFC 9126).
    requestObjects: { enabled: true, assertJwtClaimsAndHeader: checkRequestObject },
    // Signed answers: JARM, RFC 9701, OpenID Connect Core 5.3.2.
    jwtResponseModes: { enabled: true },
    jwtIntrospection: { enabled: true },
    jwtUserinfo: { enabled: true },
    encryption: { enabled: true },
    fapi: { enabled: true, profile: (_ctx, client) => (isFapi(client) ? '2.0' : undefined) },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: logoutSource(pages),
      postLogoutSuccessSource: postLogoutSuccessSource(pages),
    },
    deviceFlow: {
      enabled: true,
      ...USER_CODE,
      userCodeInputSource: userCodeInputSource(pages),
      userCodeConfirmSource: userCodeConfirmSource(pages),
      successSource: deviceSuccessSource(pages),
    },
    ciba: ciba(cibaDeps),
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: resourceServerInfo(ofResources),
      ...detailResources(authorizationTypes),
    },
    // The types would have it known at compile time whether there are types.
    ...{ richAuthorizationRequests: richAuthorizationRequests(authorizationTypes) as never },
  }
}

const SIGNATURES = ['ES256', 'PS256', 'EdDSA', 'Ed25519', 'RS256'] as const
/** To a key of the client's; never under its secret, which we do not have. */
const TO_A_KEY = ['ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256'] as const
const CONTENT = ['A256GCM', 'A128GCM', 'A128CBC-HS256'] as const

/** @param own algorithms that there is a key of ours for */
export function algorithms(own: readonly SigningAlgorithm[]): NonNullable<Configuration['enabledJWA']> {
  const signed = [...own]
  return {
    // HMAC algorithms would need client secrets in clear; secrets are digests at rest.
    clientAuthSigningAlgValues: [...SIGNATURES],
    requestObjectSigningAlgValues: [...SIGNATURES],
    idTokenSigningAlgValues: signed,
    userinfoSigningAlgValues: signed,
    introspectionSigningAlgValues: signed,
    authorizationSigningAlgValues: signed,
    idTokenEncryptionAlgValues: [...TO_A_KEY],
    idTokenEncryptionEncValues: [...CONTENT],
    userinfoEncryptionAlgValues: [...TO_A_KEY],
    userinfoEncryptionEncValues: [...CONTENT],
    introspectionEncryptionAlgValues: [...TO_A_KEY],
    introspectionEncryptionEncValues: [...CONTENT],
    authorizationEncryptionAlgValues: [...TO_A_KEY],
    authorizationEncryptionEncValues: [...CONTENT],
    // There is no key of ours to encrypt requests to; what must be confidential is pushed.
    requestObjectEncryptionAlgValues: [],
    requestObjectEncryptionEncValues: [],
  }
}

/** The same on every node, and another when the keys change. */
function nonceSecret([current = '']: readonly string[]): Buffer {
  return createHash('sha256').update(`ostiary dpop nonce ${current}`).digest()
}

function isFapi(client: Client | undefined): boolean {
  return client?.profile === 'fapi2'
}
