/**
 * The sample applications: three relying parties and an API, on an origin of their own.
 *
 * They are strangers to the provider. They know its issuer and what they were registered with, and talk to it over
 * HTTP only, so that each of them can be taken out and put to work against any OpenID Connect provider.
 */
import type { RequestListener } from 'node:http'
import Koa from 'koa'
import { createApi } from './api.ts'
import { html } from './html.ts'
import { layout } from './layout.ts'
import { staticFiles } from './static-files.ts'
import { createTv } from './tv.ts'
import { createWebApp } from './web.ts'

export interface SamplesOptions {
  /** The provider. */
  issuer: string
  /** Where the samples are reached. */
  origin: string
  webClient: { id: string; secret: string }
  spaClient: { id: string }
  tvClient: { id: string }
  /** The name of the sample API: what its access tokens are asked for, and what they say in `aud`. */
  apiAudience: string
  mailboxUrl: string
  homeUrl: string
  log(message: string, error?: unknown): void
}

export const API_SCOPE = 'api:read'

/** The name that the sample API goes by, when it is not given another. */
export function sampleApiAudience(origin: string): string {
  return `${origin}/api`
}

/** What the provider has to know about the clients (OpenID Connect Dynamic Client Registration 1.0, section 2). */
export function sampleClients(origin: string, secret: string) {
  const scope = 'openid profile email address phone offline_access'
  return [
    {
      client_id: 'sample-web',
      client_secret: secret,
      client_name: 'Sample web app',
      client_uri: `${origin}/web`,
      logo_uri: `${origin}/sample-web.svg`,
      application_type: 'web' as const,
      token_endpoint_auth_method: 'client_secret_basic' as const,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code' as const],
      redirect_uris: [`${origin}/web/callback`],
      post_logout_redirect_uris: [`${origin}/web`],
      backchannel_logout_uri: `${origin}/web/backchannel-logout`,
      backchannel_logout_session_required: true,
      scope,
    },
    {
      client_id: 'sample-spa',
      client_name: 'Sample single-page app',
      client_uri: `${origin}/spa`,
      logo_uri: `${origin}/sample-spa.svg`,
      application_type: 'web' as const,
      // A public client: everything that it knows, its visitors can know too.
      token_endpoint_auth_method: 'none' as const,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code' as const],
      redirect_uris: [`${origin}/spa/callback`, `${origin}/spa/silent`],
      post_logout_redirect_uris: [`${origin}/spa`],
      scope,
    },
    {
      client_id: 'sample-tv',
      client_name: 'Sample television',
      client_uri: `${origin}/tv`,
      logo_uri: `${origin}/sample-tv.svg`,
      application_type: 'native' as const,
      // Whoever takes a television apart has what it knows.
      token_endpoint_auth_method: 'none' as const,
      grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
      response_types: [],
      redirect_uris: [],
      scope: 'openid profile email',
    },
  ]
}

export function createSamples(options: SamplesOptions): { callback(): RequestListener } {
  const { issuer, origin, apiAudience, log } = options
  const apiUrl = `${origin}/api/hello`
  const links = { home: options.homeUrl, mailbox: options.mailboxUrl }

  const web = createWebApp({
    issuer,
    origin,
    client: options.webClient,
    api: { url: apiUrl, audience: apiAudience, scope: API_SCOPE },
    render: (page) => layout({ ...page, current: '/web' }, links),
    log,
  })
  const tv = createTv({
    issuer,
    client: options.tvClient,
    render: (page) => layout({ ...page, current: '/tv' }, links),
    log,
  })
  const api = createApi({ issuer, audience: apiAudience, allowedOrigins: [origin], log })

  const app = new Koa()
  app.on('error', (error) => log('samples: a request failed', error))

  app.use(securityHeaders(new URL(issuer).origin))
  app.use(friendlyErrors((page) => layout(page, links), log))
  app.use(staticFiles())
  app.use(web.routes()).use(tv.routes()).use(api.routes())
  app.use(async (ctx, next) => {
    if (ctx.path === '/' && ctx.method === 'GET') {
      ctx.body = layout(overview(options), links)
    } else if (ctx.path === '/spa/config.json' && ctx.method === 'GET') {
      // What the single-page app has to know. None of it is a secret.
      ctx.body = { issuer, clientId: options.spaClient.id, apiAudience, apiScope: API_SCOPE, apiUrl }
    } else {
      await next()
    }
  })

  return { callback: () => app.callback() }
}

function overview({ issuer }: SamplesOptions) {
  return {
    title: 'Overview',
    current: '/' as const,
    content: html`
<h1>Three apps to sign in to</h1>
<p class="lead">All of them leave the signing in to the provider at <code>${issuer}</code>. Sign in to the one, and the
others need no password any more.</p>
<ul class="choices">
<li>
<img src="/sample-web.svg" alt="" width="56" height="56">
<h2><a href="/web">Web app</a></h2>
<p>Runs on a server, keeps the tokens there, and is told by the provider when a session ends.</p>
<p class="note">Confidential client, <code>openid-client</code></p>
</li>
<li>
<img src="/sample-spa.svg" alt="" width="56" height="56">
<h2><a href="/spa">Single-page app</a></h2>
<p>Runs in the browser, and renews its tokens in the background in two ways.</p>
<p class="note">Public client, <code>oidc-client-ts</code></p>
</li>
<li>
<img src="/sample-tv.svg" alt="" width="56" height="56">
<h2><a href="/tv">Television</a></h2>
<p>Has no browser: shows a code to scan, and you sign in on your phone.</p>
<p class="note">Public client, <code>openid-client</code></p>
</li>
</ul>
<p>The first two also call a protected API, with an access token made for that API alone.</p>`,
  }
}

/** Sent with every answer. The provider is the only other origin that these pages have to do with. */
function securityHeaders(providerOrigin: string): Koa.Middleware {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    `connect-src 'self' ${providerOrigin}`,
    `frame-src 'self' ${providerOrigin}`,
    // Signing in and out are forms whose answer sends the browser on to the provider.
    `form-action 'self' ${providerOrigin}`,
    "base-uri 'none'",
  ].join('; ')

  return async (ctx, next) => {
    // The single-page app frames one page of its own, for silent renewal. Nobody frames anything else.
    const framedBy = ctx.path === '/spa/silent' ? "'self'" : "'none'"
    ctx.set('Content-Security-Policy', `${policy}; frame-ancestors ${framedBy}`)
    ctx.set('X-Content-Type-Options', 'nosniff')
    // Addresses here may hold an authorization code: they are told to nobody.
    ctx.set('Referrer-Policy', 'no-referrer')
    ctx.set('Cross-Origin-Opener-Policy', 'same-origin')
    ctx.set('Cross-Origin-Resource-Policy', 'same-origin')
    ctx.set('Cache-Control', 'no-store')
    await next()
  }
}

function friendlyErrors(
  render: (page: { title: string; content: ReturnType<typeof html> }) => string,
  log: SamplesOptions['log'],
): Koa.Middleware {
  const page = (title: string, text: string) =>
    render({
      title,
      content: html`<h1>${title}</h1><p class="lead">${text}</p><p><a href="/">All samples</a></p>`,
    })

  return async (ctx, next) => {
    try {
      await next()
      if (ctx.status === 404 && ctx.body === undefined) {
        ctx.body = page('Not found', 'There is no such page among the samples.')
        ctx.status = 404
      }
    } catch (error) {
      if ((error as { status?: number }).status === 403) {
        ctx.status = 403
        ctx.body = page('Not from here', 'The form was sent by a page of another site.')
        return
      }
      log('samples: a request failed', error)
      ctx.status = 502
      ctx.body = page(
        'That did not work',
        'The provider could not be reached, or gave an unexpected answer. Please try again.',
      )
    }
  }
}
