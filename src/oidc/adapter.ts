/**
 * The engine's adapter on our `ArtifactStore`. The engine checks first and consumes afterwards without looking at the
 * result, so the decision who was first is made here: whoever loses the compare-and-set gets the model's own error.
 */
import { type Adapter, type AdapterPayload, errors } from 'oidc-provider'
import { sameSecret } from '../domain/email/secrets.ts'
import type { ClientRepository, KeyedHash } from '../domain/ports.ts'
import {
  type ArtifactModel,
  type ArtifactPayload,
  type ArtifactStore,
  ParentGoneError,
} from '../storage/artifact-store.ts'
import { ClientAdapter } from './client-adapter.ts'
import { currentContext } from './context.ts'
import { Unavailable } from './errors.ts'
import type { Redemptions } from './redemptions.ts'

export interface AdapterDeps {
  artifacts: ArtifactStore
  clients: ClientRepository
  keyed: KeyedHash
  redemptions: Redemptions
  /** the operator's initial access token (RFC 7591 3): valid as long as it is configured, and stored nowhere */
  initialAccessToken: string | undefined
  /** tells a store that is away from a fault of ours */
  isUnavailable: (error: unknown) => boolean
  /** tells values that no store can hold (NUL bytes) */
  isUnstorable: (error: unknown) => boolean
}

/** A `jti` is held this long from the moment it was first seen, until the engine says how long it really counts. */
const CLAIM_SECONDS = 600

/**
 * Rows the engine wants to find when their time is over (seconds): a device that polls late is told `expired_token`
 * (RFC 8628 3.5) instead of that its code never existed. The engine looks at `exp` in the payload by itself.
 */
const KEPT_LONGER: Partial<Record<ArtifactModel, number>> = { DeviceCode: 600 }

const REDEEMED = new Set<ArtifactModel>(['AuthorizationCode', 'RefreshToken'])

export function createAdapter(deps: AdapterDeps): (name: string) => Adapter {
  return (name) =>
    name === 'Client' ? new ClientAdapter(deps) : new ArtifactAdapter(name as ArtifactModel, deps)
}

class ArtifactAdapter implements Adapter {
  readonly #model: ArtifactModel
  readonly #deps: AdapterDeps

  constructor(model: ArtifactModel, deps: AdapterDeps) {
    this.#model = model
    this.#deps = deps
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const ttl = Number.isFinite(expiresIn) ? expiresIn + (KEPT_LONGER[this.#model] ?? 0) : undefined
    await this.#guard(() => this.#deps.artifacts.upsert(this.#model, id, payload as ArtifactPayload, ttl))
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const ctx = currentContext()
    if (REDEEMED.has(this.#model) && ctx?.oidc?.route === 'token')
      await this.#deps.redemptions.begin(ctx, this.#model, id)
    return this.#guard(async () => {
      // The engine asks "seen before?" and saves afterwards; asking is made the claim, so that one of many wins.
      if (this.#model === 'ReplayDetection') {
        const first = await this.#deps.artifacts.claim(this.#model, id, CLAIM_SECONDS)
        return first
          ? undefined
          : ({
              jti: id,
              kind: this.#model,
              exp: Math.floor(Date.now() / 1000) + CLAIM_SECONDS,
            } as AdapterPayload)
      }
      if (this.#model === 'InitialAccessToken' && this.#isConfigured(id))
        return { jti: id, kind: this.#model, iat: 0 } as AdapterPayload
      return (await this.#deps.artifacts.find(this.#model, id)) as AdapterPayload | undefined
    })
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.#guard(async () => (await this.#deps.artifacts.findByUid(uid)) as AdapterPayload | undefined)
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return this.#guard(
      async () => (await this.#deps.artifacts.findByUserCode(userCode)) as AdapterPayload | undefined,
    )
  }

  /** RFC 6749 4.1.2, RFC 9700 4.14.2: once. RFC 9126 section 2.2 for the pushed request. */
  async consume(id: string): Promise<void> {
    const won = await this.#guard(() => this.#deps.artifacts.consume(this.#model, id))
    if (won) return
    throw this.#model === 'PushedAuthorizationRequest'
      ? new errors.InvalidRequestUri('request_uri was used already')
      : new errors.InvalidGrant('lost the race for a single-use credential')
  }

  async destroy(id: string): Promise<void> {
    const oidc = currentContext()?.oidc
    // Signing out, unlike the change of a session's id, must hold against requests still in flight.
    if (
      this.#model === 'Session' &&
      oidc?.route === 'end_session_confirm' &&
      oidc.params?.logout &&
      oidc.session?.uid
    ) {
      const { uid } = oidc.session
      await this.#guard(() => this.#deps.artifacts.endSession(uid))
    }
    await this.#guard(() => this.#deps.artifacts.destroy(this.#model, id))
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    // RFC 7009 2.1: revoking an access token need not end the refresh token it came from; here it does not.
    const oidc = currentContext()?.oidc
    const otherTokens = oidc?.route === 'revocation' && oidc.entities.AccessToken !== undefined
    if (otherTokens) return
    await this.#guard(() => this.#deps.artifacts.revokeByGrantId(this.#model, grantId))
  }

  #isConfigured(token: string): boolean {
    const { initialAccessToken, keyed } = this.#deps
    return initialAccessToken !== undefined && sameSecret(keyed, initialAccessToken, token)
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (error instanceof ParentGoneError)
        throw this.#model === 'Session'
          ? new errors.LoginRequired('the session has ended')
          : new errors.InvalidGrant('the grant was revoked')
      if (this.#deps.isUnstorable(error))
        throw new errors.InvalidRequest('a parameter holds a character that is not allowed')
      if (this.#deps.isUnavailable(error)) throw new Unavailable(error)
      throw error
    }
  }
}
