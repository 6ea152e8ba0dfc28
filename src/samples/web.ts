/**
 * The sample web app: a confidential client. The tokens stay on the server, and the browser has but a cookie.
 *
 * OpenID Connect Core 1.0, section 3.1 (authorization code flow), with PKCE (RFC 7636).
 */
import Router from '@koa/router'
import { createRemoteJWKSet } from 'jose'
import type { Context, Middleware } from 'koa'
import * as oidc from 'openid-client'
import readBody from 'raw-body'
import type { Html } from './html.ts'
import { type Initiation, initiationFrom } from './initiated-login.ts'
import { LogoutTokens } from './logout-token.ts'
import { type Account, forget, type Session, Sessions } from './sessions.ts'
import { problemPage, signedInPage, signedOutPage } from './web-pages.ts'
import { accountFrom, callApi, discover, remember, rememberSuccess } from './web-provider.ts'
import { sessionTokens } from './web-tokens.ts'

export interface WebAppOptions {
  issuer: string
  origin: string
  client: { id: string; secret: string }
  api: { url: string; audience: string; scope: string }
  render(page: { title: string; content: Html }): string
  log(message: string, error?: unknown): void
}

/** Cookies know no ports: on localhost this name must be one that nobody else uses. */
const COOKIE = 'sample_web'

/**
 * `openid` makes it OpenID Connect; `profile` and `email` ask for claims about the person (OpenID Connect Core
 * 1.0, section 5.4); `offline_access` asks for a refresh token that outlives the session at the provider
 * (section 11).
 */
const SCOPES = 'openid profile email offline_access'

const HOME = '/web'

export function createWebApp(options: WebAppOptions): Router {
  const { origin, api } = options
  const redirectUri = `${origin}/web/callback`
  const postLogoutRedirectUri = `${origin}/web`

  const sessions = new Sessions()
  const logoutTokens = new LogoutTokens()
  const provider = rememberSuccess(() => discover(options))

  const { refreshing, apiToken } = sessionTokens(provider, api)

  const router = new Router({ prefix: '/web' })

  router.get('/', (ctx) => {
    const session = currentSession(ctx)
    const notice = session?.notice
    if (session) session.notice = undefined

    // OpenID Connect RP-Initiated Logout 1.0, section 3: the provider sends the browser back with our `state`.
    const state = ctx.query.state
    if (session?.signOutState !== undefined && state === session.signOutState) {
      session.signOutState = undefined
      session.notice = 'You are signed out.'
      return ctx.redirect('/web')
    }

    ctx.body = options.render(
      session?.account
        ? signedInPage({ account: session.account, apiCall: session.apiCall, notice, apiUrl: api.url })
        : signedOutPage({ notice }),
    )
  })

  // Step 1: send the browser to the provider's authorization endpoint.
  router.post('/sign-in', sameOriginOnly, (ctx) => beginSignIn(ctx))

  // The same, begun by the provider's start page (OpenID Connect Core 1.0, section 4).
  router.get('/sign-in', (ctx) => {
    const begun = initiationFrom(ctx.query, { issuer: options.issuer, origin, home: HOME })
    if (begun && !currentSession(ctx)?.account) return beginSignIn(ctx, begun)
    ctx.redirect(begun?.returnTo ?? HOME)
    ctx.status = 303
  })

  async function beginSignIn(ctx: Context, begun?: Initiation): Promise<void> {
    const config = await provider()
    const session = currentSession(ctx) ?? startSession(ctx)
    const state = oidc.randomState()
    const nonce = oidc.randomNonce()
    const codeVerifier = oidc.randomPKCECodeVerifier()
    sessions.begin(session, state, { nonce, codeVerifier, returnTo: begun?.returnTo ?? HOME })

    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      // The API and its scope are asked for here, so that they are granted together with the sign-in
      // (RFC 8707, section 2.1). The access token for the API is fetched when it is needed; see `apiToken`.
      scope: `${SCOPES} ${api.scope}`,
      resource: api.audience,
      // OpenID Connect Core 1.0, section 11: offline access needs the person's consent.
      prompt: 'consent',
      state,
      nonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
      ...(begun?.loginHint === undefined ? {} : { login_hint: begun.loginHint }),
    })
    ctx.redirect(url.href)
    ctx.status = 303
  }

  // Step 2: the browser comes back, with a code or with an error.
  router.get('/callback', async (ctx) => {
    const session = currentSession(ctx)
    const state = typeof ctx.query.state === 'string' ? ctx.query.state : ''
    const pending = session?.pending.get(state)
    if (!session || !pending) {
      ctx.status = 400
      ctx.body = options.render(
        problemPage({
          heading: 'This sign-in is not known here',
          text: 'It was begun in another browser, or too long ago, or it has been finished already.',
        }),
      )
      return
    }
    session.pending.delete(state)

    const config = await provider()
    let account: Account
    try {
      // Checks `state` and `iss` (RFC 9207), trades the code for tokens at the token endpoint, and validates the
      // ID token (OpenID Connect Core 1.0, section 3.1.3.7).
      const tokens = await oidc.authorizationCodeGrant(config, new URL(ctx.url, origin), {
        expectedState: state,
        expectedNonce: pending.nonce,
        pkceCodeVerifier: pending.codeVerifier,
        idTokenExpected: true,
      })
      account = await accountFrom(config, tokens)
    } catch (error) {
      if (!(error instanceof oidc.AuthorizationResponseError)) throw error
      ctx.status = 400
      ctx.body = options.render(
        problemPage({
          heading: 'You are not signed in',
          text:
            error.error === 'access_denied'
              ? 'The sign-in was cancelled at the provider.'
              : 'The provider could not finish the sign-in.',
          code: error.error,
          description: error.error_description,
        }),
      )
      return
    }

    // A new session id at every sign-in: one that somebody planted before is worth nothing afterwards.
    sessions.delete(session)
    const fresh = startSession(ctx)
    fresh.account = account
    ctx.redirect(pending.returnTo)
    ctx.status = 303
  })

  router.post('/renew', sameOriginOnly, async (ctx) => {
    const session = currentSession(ctx)
    if (session?.account) {
      await refreshing(session, async (config, account, refreshToken) => {
        const tokens = await oidc.refreshTokenGrant(config, refreshToken)
        session.account = await accountFrom(config, tokens, account)
        session.notice = 'The tokens were renewed with the refresh token.'
      })
    }
    ctx.redirect('/web')
    ctx.status = 303
  })

  router.post('/call-api', sameOriginOnly, async (ctx) => {
    const session = currentSession(ctx)
    if (session?.account) {
      const token = await apiToken(session)
      if (token !== undefined) session.apiCall = await callApi(api.url, token)
    }
    ctx.redirect(session?.apiCall ? '/web#api' : '/web')
    ctx.status = 303
  })

  router.post('/call-api-without-token', sameOriginOnly, async (ctx) => {
    const session = currentSession(ctx)
    if (session?.account) session.apiCall = await callApi(api.url, undefined)
    ctx.redirect('/web#api')
    ctx.status = 303
  })

  // OpenID Connect RP-Initiated Logout 1.0, section 2: end our own session, then ask the provider to end its own.
  router.post('/sign-out', sameOriginOnly, async (ctx) => {
    const config = await provider()
    const session = currentSession(ctx)
    const account = session?.account
    if (!session || !account) {
      ctx.redirect('/web')
      ctx.status = 303
      return
    }
    forget(session)

    // RFC 7009: the refresh token would outlive the sign-out, so it is handed back.
    if (account.refreshToken !== undefined) {
      await oidc
        .tokenRevocation(config, account.refreshToken, { token_type_hint: 'refresh_token' })
        .catch((error) => options.log('sample web app: could not revoke the refresh token', error))
    }

    session.signOutState = oidc.randomState()
    const url = oidc.buildEndSessionUrl(config, {
      id_token_hint: account.idToken,
      post_logout_redirect_uri: postLogoutRedirectUri,
      state: session.signOutState,
    })
    ctx.redirect(url.href)
    ctx.status = 303
  })

  // OpenID Connect Back-Channel Logout 1.0, section 2.5: the provider itself calls this, without a browser, when
  // a sign-out began elsewhere.
  router.post('/backchannel-logout', async (ctx) => {
    ctx.set('Cache-Control', 'no-store')
    const config = await provider()
    const metadata = config.serverMetadata()
    try {
      const body = new URLSearchParams(await readBody(ctx.req, { limit: '32kb', encoding: 'utf8' }))
      const target = await logoutTokens.verify(body.get('logout_token') ?? '', {
        issuer: metadata.issuer,
        clientId: options.client.id,
        keys: providerKeys(metadata),
        algorithms: (metadata.id_token_signing_alg_values_supported ?? ['RS256']).filter(isAsymmetric),
      })
      const count = sessions.signOut(target, 'The provider ended your session (back-channel logout).')
      options.log(`sample web app: back-channel logout ended ${count} session(s)`)
      // Section 2.8.
      ctx.status = 200
      ctx.body = ''
    } catch (error) {
      options.log('sample web app: refused a logout token', error)
      ctx.status = 400
      ctx.body = { error: 'invalid_request', error_description: 'The logout token is not valid' }
    }
  })

  const providerKeys = remember((metadata: oidc.ServerMetadata) =>
    createRemoteJWKSet(new URL(metadata.jwks_uri!)),
  )

  function currentSession(ctx: Context): Session | undefined {
    return sessions.find(ctx.cookies.get(COOKIE))
  }

  function startSession(ctx: Context): Session {
    const session = sessions.create()
    const secure = origin.startsWith('https:')
    ctx.cookies.secure = secure
    ctx.cookies.set(COOKIE, session.id, {
      httpOnly: true,
      // Lax, not Strict: the cookie has to come along when the provider sends the browser back.
      sameSite: 'lax',
      secure,
      path: '/web',
      overwrite: true,
    })
    return session
  }

  return router
}

/**
 * Refuses a form that another site's page sent. `SameSite=Lax` keeps the cookie out of such a request, but takes
 * all ports of one host for the same site; `Sec-Fetch-Site` (Fetch Metadata) tells them apart.
 */
export const sameOriginOnly: Middleware = async (ctx, next) => {
  const site = ctx.get('Sec-Fetch-Site')
  if (site !== '' && site !== 'same-origin') ctx.throw(403)
  await next()
}

function isAsymmetric(algorithm: string): boolean {
  return /^(ES|PS|RS|Ed)/.test(algorithm)
}
