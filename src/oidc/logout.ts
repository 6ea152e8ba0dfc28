/** Signing out: OpenID Connect RP-Initiated Logout 1.0, and "everywhere", which ends every session of the person. */
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Access } from '../domain/access/service.ts'
import type { RequestFacts } from '../domain/audit/events.ts'
import type { EnginePages } from './pages.ts'

export function logoutSource(pages: EnginePages) {
  return async (ctx: KoaContextWithOIDC): Promise<void> => {
    const { session, client } = ctx.oidc
    await pages.logout(ctx, {
      action: ctx.oidc.urlFor('end_session_confirm'),
      xsrf: xsrfOf(ctx),
      client: client ?? undefined,
      accountId: session?.accountId,
    })
  }
}

export function postLogoutSuccessSource(pages: EnginePages) {
  return async (ctx: KoaContextWithOIDC): Promise<void> => pages.loggedOut(ctx, ctx.oidc.client ?? undefined)
}

/** The engine's token against cross-site posts of its own forms. */
export function xsrfOf(ctx: KoaContextWithOIDC): string {
  return String((ctx.oidc.session?.state as { secret?: string } | undefined)?.secret ?? '')
}

export interface SignOutDeps {
  access: Pick<Access, 'signOutEverywhere'>
  /** applications wait to be told */
  accessEnded: () => void
  /** the request as the front door recorded it */
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
}

/** Runs around the engine: after it ended this browser's session, ends the person's others too if they asked for it. */
export function signOutEverywhere({ access, accessEnded, factsOf }: SignOutDeps) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { oidc } = ctx
    if (oidc?.route !== 'end_session_confirm' || ctx.status !== 303) return
    accessEnded()
    const asked = (oidc.body as { everywhere?: unknown } | undefined)?.everywhere === 'yes'
    const accountId = oidc.session?.accountId
    if (!asked || !oidc.params?.logout || !accountId) return
    await access.signOutEverywhere(accountId, { by: 'self', request: factsOf(ctx) })
  }
}
