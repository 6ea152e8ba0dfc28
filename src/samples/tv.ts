/**
 * The sample television: an app without a browser or a keyboard. It shows a code, and asks the provider again and again
 * whether somebody has answered on a device that has both (RFC 8628). To meet it here, its screen is a web page.
 */
import { randomBytes } from 'node:crypto'
import Router from '@koa/router'
import type { Context } from 'koa'
import * as oidc from 'openid-client'
import qrcode from 'qrcode'
import type { Html } from './html.ts'
import { connectedPage, endedPage, offPage, waitingPage } from './tv-pages.ts'
import { sameOriginOnly } from './web.ts'
import { rememberSuccess } from './web-provider.ts'

export interface TvOptions {
  issuer: string
  client: { id: string }
  render(page: { title: string; content: Html }): string
  log(message: string, error?: unknown): void
}

/** What one television shows. */
interface Screen {
  started: oidc.DeviceAuthorizationResponse
  state: 'waiting' | 'connected' | 'denied' | 'expired' | 'failed'
  person?: oidc.UserInfoResponse
  /** ends its questions to the provider */
  off: AbortController
}

const COOKIE = 'sample_tv'
const MOST_SCREENS = 50
/** seconds; the page looks at the screen anew, and asks the provider nothing */
const REDRAW = 2

export function createTv(options: TvOptions): Router {
  const screens = new Map<string, Screen>()
  const provider = rememberSuccess(() =>
    oidc.discovery(new URL(options.issuer), options.client.id, {}, oidc.None(), {
      execute: options.issuer.startsWith('http:') ? [oidc.allowInsecureRequests] : [],
    }),
  )
  const router = new Router({ prefix: '/tv' })
  const screenOf = (ctx: Context) => screens.get(ctx.cookies.get(COOKIE) ?? '')

  router.get('/', async (ctx) => {
    const screen = screenOf(ctx)
    if (screen?.state === 'waiting') ctx.set('Refresh', String(REDRAW))
    ctx.body = options.render(await pageOf(screen))
  })

  router.post('/connect', sameOriginOnly, async (ctx) => {
    screenOf(ctx)?.off.abort()
    const config = await provider()
    // Section 3.1: what the television will ask for, with its client id.
    const started = await oidc.initiateDeviceAuthorization(config, { scope: 'openid profile email' })
    const screen: Screen = { started, state: 'waiting', off: new AbortController() }
    const id = randomBytes(16).toString('base64url')
    screens.set(id, screen)
    for (const [oldest, { off }] of screens) {
      if (screens.size <= MOST_SCREENS) break
      off.abort()
      screens.delete(oldest)
    }
    ctx.cookies.set(COOKIE, id, { httpOnly: true, sameSite: 'lax', path: '/tv', overwrite: true })
    void wait(config, screen)
    backToScreen(ctx)
  })

  router.post('/off', sameOriginOnly, (ctx) => {
    screenOf(ctx)?.off.abort()
    screens.delete(ctx.cookies.get(COOKIE) ?? '')
    backToScreen(ctx)
  })

  /** Sections 3.4 and 3.5: openid-client keeps to `interval`, and asks less often when it is told `slow_down`. */
  async function wait(config: oidc.Configuration, screen: Screen): Promise<void> {
    const { started, off } = screen
    try {
      const tokens = await oidc.pollDeviceAuthorizationGrant(config, started, undefined, {
        signal: off.signal,
      })
      screen.person = await oidc.fetchUserInfo(config, tokens.access_token, String(tokens.claims()?.sub))
      screen.state = 'connected'
    } catch (error) {
      const code = (error as { error?: string }).error
      screen.state = code === 'access_denied' ? 'denied' : code === 'expired_token' ? 'expired' : 'failed'
      if (screen.state === 'failed' && !off.signal.aborted)
        options.log('sample television: could not connect', error)
    }
  }

  return router
}

async function pageOf(screen: Screen | undefined) {
  if (!screen) return offPage()
  switch (screen.state) {
    case 'waiting':
      return waitingPage(screen.started, await pictureOf(screen.started))
    case 'connected':
      return connectedPage(screen.person ?? { sub: '' })
    default:
      return endedPage(screen.state)
  }
}

/** Section 3.3.1: the code is in the address, so that it can be scanned. The person still compares it. */
async function pictureOf(started: oidc.DeviceAuthorizationResponse): Promise<string> {
  const address = started.verification_uri_complete ?? started.verification_uri
  const svg = await qrcode.toString(address, { type: 'svg', margin: 2 })
  return `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`
}

function backToScreen(ctx: Context): void {
  ctx.redirect('/tv')
  ctx.status = 303
}
