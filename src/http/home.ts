/** The start page. In evaluation mode it leads to the sample apps; in production it says what this is. */
import Router from '@koa/router'
import { DISCOVERY_PATH } from '../oidc/routes.ts'
import { isLoopback } from './loopback.ts'
import type { OpenableApp } from './open-app.ts'
import type { Pages } from './pages.ts'
import { stateOf } from './state.ts'
import { paths } from './urls.ts'

export interface HomeDeps {
  pages: Pages
  issuer: string
  /** evaluation mode */
  samplesOrigin: string | undefined
  /** those that can be opened from here */
  apps: () => Promise<OpenableApp[]>
  /** the link for the first administrator while there is none */
  setupUrl: () => Promise<string | undefined>
}

export function home(deps: HomeDeps): Router {
  const router = new Router()
  const { pages, issuer, samplesOrigin } = deps
  const discoveryUrl = `${issuer}${DISCOVERY_PATH}`
  router.get('/', async (ctx) => {
    if (samplesOrigin === undefined) {
      // A start page without apps is better than none.
      const apps = await deps.apps().catch(() => [])
      return pages.show(ctx, 'home', { issuer, discoveryUrl, apps })
    }
    pages.show(ctx, 'home-evaluation', {
      // straight to the sign-in (OpenID Connect Core 1.0, section 4)
      webAppUrl: `${samplesOrigin}/web/sign-in?iss=${encodeURIComponent(issuer)}`,
      spaUrl: `${samplesOrigin}/spa`,
      mailboxUrl: paths.mailbox,
      discoveryUrl,
      issuer,
      setupUrl: isLoopback(stateOf(ctx).facts.ip) ? await deps.setupUrl() : undefined,
    })
  })
  // Asked for where a page names no icon: the engine's own page, the discovery document.
  router.get('/favicon.ico', (ctx) => {
    ctx.status = 301
    ctx.redirect(`${paths.assets}/favicon.svg`)
  })
  return router
}
