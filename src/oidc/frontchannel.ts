/**
 * Front-channel logout (OpenID Connect Front-Channel Logout 1.0), for applications that cannot be called from server to
 * server: after signing out the browser opens their addresses in hidden frames. The engine knows nothing of it. It tells
 * only applications whose cookies browsers send into other sites' frames; back-channel logout is the better way.
 */
import type Provider from 'oidc-provider'
import type { Client, KoaContextWithOIDC } from 'oidc-provider'
import type { EnginePages } from './pages.ts'

/** Client metadata (section 2); an application may register it. */
export const FRONT_CHANNEL_METADATA = [
  'frontchannel_logout_uri',
  'frontchannel_logout_session_required',
] as const

/** What a URL lets pass in a host and a policy (CSP) reads as its own: `;`, `,`, `*`. */
const HOST = /^(?:[\w.-]+|\[[\da-f:]+\])$/

/** Frames of one page at most. */
const FRAMES_MAX = 20

interface FrontChannelClient {
  frontchannel_logout_uri?: string
  frontchannel_logout_session_required?: boolean
  includeSid(): unknown
}

/** What is wrong with the metadata, as a sentence; undefined when nothing is. */
export function frontChannelFault(metadata: Record<string, unknown>): string | undefined {
  const { frontchannel_logout_uri: uri, frontchannel_logout_session_required: required } = metadata
  if (required !== undefined && typeof required !== 'boolean')
    return 'frontchannel_logout_session_required must be true or false'
  if (uri === undefined) return undefined
  const url = typeof uri === 'string' ? URL.parse(uri) : null
  if (url?.username !== '' || url.password !== '' || String(uri).includes('#'))
    return 'frontchannel_logout_uri must be an absolute address without user name and fragment'
  if (!HOST.test(url.hostname)) return 'frontchannel_logout_uri must have a host of letters, digits, - and .'
  // Section 2: scheme, host and port of a registered redirect URI. Those are https, or http on loopback.
  const redirectUris = Array.isArray(metadata.redirect_uris) ? metadata.redirect_uris : []
  const origins = redirectUris.map((each) => URL.parse(String(each))?.origin)
  if (!/^https?:$/.test(url.protocol) || !origins.includes(url.origin))
    return 'frontchannel_logout_uri must have the scheme, host and port of one of redirect_uris'
  return undefined
}

/** Who asks for the session at sign-out needs its name before: `sid` in ID tokens (section 3). */
export function nameSessions(provider: Provider): void {
  const client = provider.Client.prototype as unknown as FrontChannelClient
  const { includeSid } = client
  client.includeSid = function (this: FrontChannelClient) {
    const wants =
      this.frontchannel_logout_uri !== undefined && this.frontchannel_logout_session_required === true
    return wants || includeSid.call(this)
  }
}

/**
 * Runs around the engine: when this browser's session was ended, the answer is a page with the frames, which leads on to
 * where the engine would have sent the browser.
 */
export function frontChannelLogout(provider: Provider, pages: Pick<EnginePages, 'signingOut'>) {
  return async (ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> => {
    await next()
    const { oidc } = ctx
    if (oidc?.route !== 'end_session_confirm' || ctx.status !== 303 || !oidc.params?.logout) return
    const sessions = (oidc.session?.authorizations ?? {}) as Record<string, { sid?: string }>
    const frames = (
      await Promise.all(
        Object.entries(sessions).map(async ([id, { sid }]) =>
          frameOf(await find(provider, id), provider.issuer, sid),
        ),
      )
    ).filter((frame) => frame !== undefined)
    if (frames.length === 0) return
    const continueUrl = ctx.response.get('Location')
    ctx.remove('Location')
    pages.signingOut(ctx, { frames: frames.slice(0, FRAMES_MAX), continueUrl })
  }
}

/** An application that cannot be read any more has nothing to be told, and stops nobody. */
async function find(provider: Provider, id: string): Promise<Client | undefined> {
  return provider.Client.find(id).catch(() => undefined)
}

/** Section 3: `iss` and `sid` are added to what the address has. */
function frameOf(client: Client | undefined, issuer: string, sid: string | undefined): string | undefined {
  const { frontchannel_logout_uri: uri } = (client ?? {}) as unknown as FrontChannelClient
  const url = uri === undefined ? null : URL.parse(uri)
  if (!url) return undefined
  url.searchParams.set('iss', issuer)
  if (sid !== undefined) url.searchParams.set('sid', sid)
  return url.href
}
