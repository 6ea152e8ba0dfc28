/** What the store's refusals mean in the protocol. */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import { type ArtifactModel, ParentGoneError } from '../storage/artifact-store.ts'
import { UnitLost } from '../storage/unit-of-work.ts'
import { Unavailable } from './errors.ts'

export type Refusal = InstanceType<typeof errors.OIDCProviderError>

export interface RefusalDeps {
  isUnavailable: (error: unknown) => boolean
  isUnstorable: (error: unknown) => boolean
}

/** The protocol's error for an error of the store; undefined for everything else. */
export function refusalOf(
  error: unknown,
  ctx: KoaContextWithOIDC | undefined,
  deps: RefusalDeps,
): Refusal | undefined {
  if (error instanceof UnitLost) return lostError(error.model, ctx)
  if (error instanceof ParentGoneError)
    return ctx?.oidc?.route === 'token'
      ? new errors.InvalidGrant('the grant was revoked')
      : new errors.LoginRequired('the session has ended')
  if (deps.isUnstorable(error))
    return new errors.InvalidRequest('a parameter holds a character that is not allowed')
  if (deps.isUnavailable(error)) return new Unavailable(error)
  return undefined
}

/** Somebody else was first with what works once (or ended the session meanwhile). */
export function lostError(model: ArtifactModel, ctx: KoaContextWithOIDC | undefined): Refusal {
  switch (model) {
    case 'PushedAuthorizationRequest':
      // RFC 9126 2.2: one-time use
      return new errors.InvalidRequestUri('request_uri was used already')
    case 'Session':
      return new errors.LoginRequired('the session has ended')
    case 'InitialAccessToken':
      return new errors.InvalidToken('the initial access token is used up')
    case 'RegistrationAccessToken':
      return new errors.InvalidToken('the registration access token was replaced')
    case 'ReplayDetection':
      return seenBefore(ctx)
    default:
      return new errors.InvalidGrant('lost the race for a single-use credential')
  }
}

/** A `jti` counts once, of a client assertion (RFC 7523 3) as of a DPoP proof (RFC 9449 11.1). */
function seenBefore(ctx: KoaContextWithOIDC | undefined): Refusal {
  if (ctx?.oidc?.params?.client_assertion && !ctx.get('DPoP'))
    return new errors.InvalidClientAuth('client assertion tokens must only be used once')
  const detail = 'DPoP proof JWT Replay detected'
  if (ctx?.oidc?.route === 'userinfo') return new errors.InvalidToken(detail)
  return ctx?.oidc?.route === 'token' ? new errors.InvalidGrant(detail) : new errors.InvalidDpopProof(detail)
}
