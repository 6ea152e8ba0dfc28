/**
 * The engine's adapter on our `ArtifactStore`. The engine checks first and consumes afterwards without looking at the
 * result, so the decision who was first is the store's: whoever loses the compare-and-set gets the model's own error,
 * here or when the request's unit of work is committed (`unit-of-work.ts`).
 */
import type { Adapter, AdapterPayload, KoaContextWithOIDC } from 'oidc-provider'
import type { ClientRepository, KeyedHash, RegisteredClients } from '../domain/ports.ts'
import type { ArtifactModel, ArtifactPayload, ArtifactStore } from '../storage/artifact-store.ts'
import type { UnitOfWork } from '../storage/unit-of-work.ts'
import { type Admissions, POLICY } from './admissions.ts'
import { ClientAdapter } from './client-adapter.ts'
import type { ClientDocuments } from './client-documents.ts'
import { currentContext } from './context.ts'
import { exchangeOf } from './exchange/link.ts'
import type { RefreshWindow } from './refresh-window.ts'
import { lostError, refusalOf } from './refusals.ts'

export interface AdapterDeps {
  artifacts: ArtifactStore
  clients: ClientRepository
  /** clients by id, as every request reads them */
  clientsById: Pick<ClientRepository, 'find'>
  registeredClients: RegisteredClients
  clientDocuments: ClientDocuments
  units: Pick<UnitOfWork, 'afterCommit'>
  /** told that this process changed a client */
  clientsChanged: () => void
  keyed: KeyedHash
  refreshWindow: RefreshWindow
  /** who may register */
  admissions: Admissions
  /** tells a store that is away from a fault of ours */
  isUnavailable: (error: unknown) => boolean
  /** tells values that no store can hold (NUL bytes) */
  isUnstorable: (error: unknown) => boolean
}

/**
 * Rows the engine wants to find when their time is over (seconds): a device that polls late is told `expired_token`
 * (RFC 8628 3.5, CIBA Core 1.0 11) instead of that its code never existed. The engine looks at `exp` in the payload by itself.
 */
const KEPT_LONGER: Partial<Record<ArtifactModel, number>> = {
  DeviceCode: 600,
  BackchannelAuthenticationRequest: 600,
}

/** Tokens by which clients are made and changed. */
const REGISTERS = new Set<ArtifactModel>(['InitialAccessToken', 'RegistrationAccessToken'])

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
    const ctx = currentContext()
    await this.#guard(async () => {
      // The engine asked "seen before?" and saves now; saving is made the claim, so that one of many wins.
      if (this.#model === 'ReplayDetection') {
        if (!(await this.#deps.artifacts.claim(this.#model, id, expiresIn))) throw lostError(this.#model, ctx)
        return
      }
      if (this.#model === 'RefreshToken' && ctx) await this.#deps.refreshWindow.saved(ctx, id)
      // Signing out of one app takes it off the session's list; everything else adds to the list.
      const replaceAuthorizations = this.#model === 'Session' && isSigningOut(ctx)
      const under = this.#model === 'AccessToken' ? exchangeOf(ctx)?.link : undefined
      const kept = this.#kept(under ? { ...payload, under } : payload)
      await this.#deps.artifacts.upsert(this.#model, id, kept, ttl, {
        replaceAuthorizations,
      })
    })
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    return this.#guard(async () => {
      const ctx = currentContext()
      if (this.#model === 'InitialAccessToken' && (await this.#deps.admissions.admit(ctx, id)))
        return { jti: id, kind: this.#model, iat: 0, policies: [POLICY] } as AdapterPayload
      const found = await this.#deps.artifacts.find(this.#model, id)
      if (found && REGISTERS.has(this.#model)) return { ...found, policies: [POLICY] } as AdapterPayload
      return (
        this.#model === 'RefreshToken' && isRefreshing(ctx)
          ? await this.#deps.refreshWindow.found(ctx, id, found)
          : found
      ) as AdapterPayload | undefined
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
    const ctx = currentContext()
    if (this.#model === 'RefreshToken' && ctx && this.#deps.refreshWindow.used(ctx, id)) return
    const won = await this.#guard(() => this.#deps.artifacts.consume(this.#model, id))
    if (!won) throw lostError(this.#model, ctx)
  }

  async destroy(id: string): Promise<void> {
    await this.#guard(() => (this.#model === 'Session' ? this.#destroySession(id) : this.#destroy(id)))
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    // RFC 7009 2.1: revoking an access token need not end the refresh token it came from; here it does not.
    const oidc = currentContext()?.oidc
    const otherTokens = oidc?.route === 'revocation' && oidc.entities.AccessToken !== undefined
    if (otherTokens) return
    await this.#guard(() => this.#deps.artifacts.revokeByGrantId(this.#model, grantId))
  }

  async #destroySession(id: string): Promise<void> {
    const ctx = currentContext()
    const session = ctx?.oidc?.session as (SessionInHand & ArtifactPayload) | undefined
    // Signing out, unlike the change of a session's id, must hold against requests still in flight.
    if (isSigningOut(ctx) && ctx?.oidc.params?.logout && session?.uid)
      await this.#deps.artifacts.endSession(session.uid)
    else if (session?.oldId === id && !isSigningOut(ctx)) {
      const before = await this.#deps.artifacts.find('Session', id)
      if (isSameSignIn(before, session)) return this.#deps.artifacts.rotateSession(id, session.id)
    }
    await this.#destroy(id)
  }

  async #destroy(id: string): Promise<void> {
    const ctx = currentContext()
    // RFC 7592 3: a token that is replaced at an update is used up by it, and by one update only.
    if (this.#model === 'RegistrationAccessToken' && ctx?.oidc?.route === 'client_update') {
      if (!(await this.#deps.artifacts.take(this.#model, id))) throw lostError(this.#model, ctx)
      return
    }
    await this.#deps.artifacts.destroy(this.#model, id)
  }

  /** Which policy holds is ours to say when a token is shown, not the token's. */
  #kept(payload: AdapterPayload): ArtifactPayload {
    if (!REGISTERS.has(this.#model)) return payload as ArtifactPayload
    const { policies: _, ...kept } = payload
    return kept as ArtifactPayload
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw refusalOf(error, currentContext(), this.#deps) ?? error
    }
  }
}

/** The engine's session, with the id it had before. */
interface SessionInHand {
  id: string
  oldId?: string
}

/**
 * A request sent beside the one that changed the id still carries the old one. It may learn the new one only if that
 * opens nothing the old one did not: the same person, signed in by the same proof.
 */
function isSameSignIn(before: ArtifactPayload | undefined, now: ArtifactPayload): boolean {
  if (before?.accountId === undefined) return false
  return (['accountId', 'loginTs', 'acr'] as const).every((member) => before[member] === now[member])
}

function isSigningOut(ctx: KoaContextWithOIDC | undefined): boolean {
  return ctx?.oidc?.route?.startsWith('end_session') === true
}

function isRefreshing(ctx: KoaContextWithOIDC | undefined): ctx is KoaContextWithOIDC {
  return ctx?.oidc?.route === 'token' && ctx.oidc.params?.grant_type === 'refresh_token'
}
