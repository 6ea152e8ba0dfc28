/** Where each kind of artifact lives and what of its payload has a column, so that it can be found and revoked by it. */
import type { ArtifactModel, ArtifactPayload } from '../artifact-store.ts'

export interface ModelTable {
  table: string
  /** issued under a grant, and gone with it */
  underGrant?: true
  /** may be used once */
  consumable?: true
  /** may be used once, and is removed by that */
  taken?: true
  /** The payload holds secrets besides its own id: encrypted whole. */
  sealed?: true
  /** who it belongs to, where it can be revoked by that */
  accountOf?: (payload: ArtifactPayload) => string | undefined
  clientOf?: (payload: ArtifactPayload) => string | undefined
}

const accountOf = (payload: ArtifactPayload) => payload.accountId
const clientOf = (payload: ArtifactPayload) => payload.clientId
const issued = { underGrant: true, accountOf, clientOf } as const

export const MODELS: Record<ArtifactModel, ModelTable> = {
  Session: { table: 'oidc_sessions', accountOf },
  // Holds the session's cookie. A sign-in that was proven but not yet resumed is access too: it must be revocable.
  Interaction: { table: 'oidc_interactions', sealed: true, accountOf: provenAccount },
  Grant: { table: 'oidc_grants', accountOf, clientOf },
  AuthorizationCode: { table: 'oidc_authorization_codes', ...issued, consumable: true },
  RefreshToken: { table: 'oidc_refresh_tokens', ...issued, consumable: true },
  AccessToken: { table: 'oidc_access_tokens', ...issued },
  ClientCredentials: { table: 'oidc_client_credentials', clientOf },
  // The engine needs the device code itself back when the person types the user code.
  DeviceCode: { table: 'oidc_device_codes', ...issued, consumable: true, sealed: true },
  BackchannelAuthenticationRequest: {
    table: 'oidc_backchannel_requests',
    ...issued,
    consumable: true,
    sealed: true,
  },
  PushedAuthorizationRequest: { table: 'oidc_pushed_requests', clientOf, consumable: true },
  ReplayDetection: { table: 'oidc_replay_detections' },
  InitialAccessToken: { table: 'oidc_initial_access_tokens' },
  RegistrationAccessToken: { table: 'oidc_registration_access_tokens', clientOf, taken: true },
}

function provenAccount(payload: ArtifactPayload): string | undefined {
  const result = payload.result as { login?: { accountId?: unknown } } | undefined
  const account = result?.login?.accountId
  return typeof account === 'string' ? account : undefined
}
