/**
 * A rotated refresh token presented again within seconds of its first use (two tabs, a lost answer) is answered with
 * the successor that the first use got: one successor for all, and the window is fixed by that first use. Later reuse
 * meets the engine's own rule and ends the family (RFC 9700 4.14.2). The engine authenticates the client and checks
 * every binding in any case.
 */
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Logger } from '../lib/log.ts'
import type { ArtifactPayload, ArtifactStore } from '../storage/artifact-store.ts'
import type { UnitLost } from '../storage/unit-of-work.ts'

export const REFRESH_WINDOW_SECONDS = 10

interface Refresh {
  presented: string
  /** the token had been used moments ago: what took its place */
  successor?: string
  /** this request is the one that uses it */
  rotating?: true
  /** what takes its place */
  issued?: string
}

export class RefreshWindow {
  readonly #artifacts: ArtifactStore
  readonly #log: Logger
  readonly #refreshes = new WeakMap<KoaContextWithOIDC['req'], Refresh>()

  constructor(artifacts: ArtifactStore, log: Logger) {
    this.#artifacts = artifacts
    this.#log = log
  }

  /** What the engine is shown of a token that is presented to be refreshed. */
  async found(
    ctx: KoaContextWithOIDC,
    presented: string,
    payload: ArtifactPayload | undefined,
  ): Promise<ArtifactPayload | undefined> {
    if (!payload) return undefined
    const refresh: Refresh = { presented }
    this.#refreshes.set(ctx.req, refresh)
    if (payload.consumed === undefined) return payload
    const successor = await this.#artifacts.successorOf('RefreshToken', presented, REFRESH_WINDOW_SECONDS)
    if (successor === undefined) return payload
    refresh.successor = successor
    return { ...payload, consumed: undefined }
  }

  /** Whether this request presents a token that was rotated moments ago: it must not rotate once more. */
  isRepeated(ctx: KoaContextWithOIDC): boolean {
    return this.#refreshes.get(ctx.req)?.successor !== undefined
  }

  /** The engine uses the token up; what it puts in its place is known only when it saves that. */
  used(ctx: KoaContextWithOIDC, id: string): boolean {
    const refresh = this.#refreshes.get(ctx.req)
    if (refresh?.presented !== id) return false
    refresh.rotating = true
    return true
  }

  /** The engine saves a refresh token: if it takes another's place, the other is used for it. */
  async saved(ctx: KoaContextWithOIDC, id: string): Promise<void> {
    const refresh = this.#refreshes.get(ctx.req)
    if (!refresh?.rotating || refresh.issued !== undefined) return
    refresh.issued = id
    if (!(await this.#artifacts.consumeFor('RefreshToken', refresh.presented, id)))
      throw new errors.InvalidGrant('refresh token already used')
  }

  /** The answer to a repeated request names the successor; a refusal uses nothing up, for it brings no successor. */
  answered(ctx: KoaContextWithOIDC): void {
    const refresh = this.#refreshes.get(ctx.req)
    if (!refresh) return
    // The engine rotates before it has looked at everything that was asked for (`resource`).
    if (ctx.status !== 200) this.#takeBack(refresh)
    else if (refresh.successor !== undefined) this.#name(ctx, refresh.successor, 'repeated')
  }

  /**
   * Another request, here or on another node, was first with the same token: this one's answer stays good with the
   * other's successor in place of its own.
   */
  async lost(ctx: KoaContextWithOIDC, lost: UnitLost): Promise<boolean> {
    const refresh = this.#refreshes.get(ctx.req)
    if (lost.model !== 'RefreshToken' || !refresh?.issued || ctx.status !== 200) return false
    const successor = await this.#artifacts.successorOf(
      'RefreshToken',
      refresh.presented,
      REFRESH_WINDOW_SECONDS,
    )
    if (successor === undefined) return false
    this.#takeBack(refresh)
    this.#name(ctx, successor, 'simultaneous')
    return true
  }

  #takeBack({ presented, issued }: Refresh): void {
    if (issued === undefined) return
    this.#artifacts.withdraw('RefreshToken', presented)
    this.#artifacts.withdraw('RefreshToken', issued)
  }

  #name(ctx: KoaContextWithOIDC, successor: string, kind: string): void {
    const body = ctx.body as { refresh_token?: string }
    if (body?.refresh_token === undefined) return
    body.refresh_token = successor
    this.#log.info(
      { kind, clientId: ctx.oidc.client?.clientId },
      'a refresh token was presented again within its window',
    )
  }
}
