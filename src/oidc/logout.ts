/** Signing out: OpenID Connect RP-Initiated Logout 1.0, and "everywhere", which ends every session of the person. */
import type Provider from 'oidc-provider'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { Access } from '../domain/access/service.ts'
import type { RequestFacts } from '../domain/audit/events.ts'
import type { ArtifactPayload, ArtifactStore } from '../storage/artifact-store.ts'
import type { EnginePages } from './pages.ts'

/** Waited for in the request at most; an app that does not answer must not keep a person signed in here. */
const NOTIFY_LIMIT = 50

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
  artifacts: ArtifactStore
  access: Pick<Access, 'signOutEverywhere'>
  /** the request as the front door recorded it */
  factsOf: (ctx: KoaContextWithOIDC) => RequestFacts | undefined
}

/** Runs around the engine: after it ended this browser's session, ends the person's others too if they asked for it. */
export function signOutEverywhere(provider: Provider, { artifacts, access, factsOf }: SignOutDeps) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { oidc } = ctx
    if (oidc?.route !== 'end_session_confirm' || ctx.status !== 303) return
    const asked = (oidc.body as { everywhere?: unknown } | undefined)?.everywhere === 'yes'
    const accountId = oidc.session?.accountId
    if (!asked || !oidc.params?.logout || !accountId) return
    const others = await artifacts.findSessionsByAccount(accountId)
    await access.signOutEverywhere(accountId, { by: 'self', request: factsOf(ctx) })
    await notifyAll(provider, ctx, accountId, others)
  }
}

/** OpenID Connect Back-Channel Logout 1.0, 2.5: one logout token per client and session; failures are logged. */
async function notifyAll(
  provider: Provider,
  ctx: KoaContextWithOIDC,
  accountId: string,
  sessions: ArtifactPayload[],
): Promise<void> {
  const targets = sessions
    .flatMap((session) => Object.entries((session.authorizations ?? {}) as Record<string, { sid?: string }>))
    .slice(0, NOTIFY_LIMIT)
  await Promise.all(
    targets.map(async ([clientId, { sid }]) => {
      const client = (await provider.Client.find(clientId)) as NotifiableClient | undefined
      if (!client?.backchannelLogoutUri) return
      try {
        await client.backchannelLogout(accountId, sid)
      } catch (error) {
        provider.emit('backchannel.error', ctx, error as Error, client as never, accountId, sid as string)
      }
    }),
  )
}

/** `backchannelLogout` is public in the engine and missing from its types. */
interface NotifiableClient {
  backchannelLogoutUri?: string
  backchannelLogout(sub: string, sid: string | undefined): Promise<void>
}
