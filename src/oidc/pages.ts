/** What the engine needs shown to people. Implemented in `http/`, which owns pages; here only the facts. */
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { Explained } from './failures.ts'

export interface EngineProblem {
  status: number
  /** OAuth error code, for example `invalid_client` */
  error: string
  description: string | undefined
  /** which page of ours fits */
  kind:
    | 'unknown-client'
    | 'redirect-uri'
    | 'request-expired'
    | 'access-denied'
    | 'unavailable'
    | 'server-error'
    | 'invalid-request'
  client: Client | undefined
  /** what to quote; undefined when nothing is kept of this failure */
  failureCode: string | undefined
  /** evaluation mode only */
  explained: Explained | undefined
}

export interface EnginePages {
  problem(ctx: KoaContextWithOIDC, problem: EngineProblem): void
  logout(
    ctx: KoaContextWithOIDC,
    form: { action: string; xsrf: string; client: Client | undefined; accountId: string | undefined },
  ): Promise<void>
  loggedOut(ctx: KoaContextWithOIDC, client: Client | undefined): void
  /** @param way.frames addresses of applications to open in hidden frames before going on */
  signingOut(ctx: KoaContextWithOIDC, way: { frames: string[]; continueUrl: string }): void
  deviceCode(
    ctx: KoaContextWithOIDC,
    form: { action: string; xsrf: string; userCode: string; wrong: 'required' | 'wrong' | undefined },
  ): void
  deviceConfirm(
    ctx: KoaContextWithOIDC,
    form: {
      action: string
      xsrf: string
      userCode: string
      client: Client
      ip: string | undefined
      userAgent: string | undefined
      /** it asked from another network than the browser's */
      elsewhere: boolean
    },
  ): void
  deviceDone(ctx: KoaContextWithOIDC, client: Client | undefined, outcome: 'approved' | 'denied'): void
}
