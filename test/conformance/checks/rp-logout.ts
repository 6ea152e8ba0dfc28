/** OpenID Connect RP-Initiated Logout 1.0: the person is asked, signed out, and sent nowhere but where the app registered. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, alwaysAsks, header, mutation, page, refuses } from '../harness/mutations.ts'
import { OTHER, SIGNED_OUT, WEB } from '../harness/parties.ts'
import { expectRefused } from './basic-codes.ts'

const BACK = { post_logout_redirect_uri: SIGNED_OUT }
const views = (text: string) => /class="view-([\w-]+)"/.exec(text)?.[1]
/** prompt=none is answered with a code after all */
const staysSignedIn = accepts('/auth')
const sendsTo = (what: string, change: (url: URL) => void) =>
  mutation(what, ({ headers }) => {
    const url = URL.parse(headers.get('location') ?? '')
    if (!url?.href.startsWith(SIGNED_OUT)) return
    change(url)
    headers.set('location', url.href)
  })
const refusedWithPage = (answer: { status: number; headers: Headers; text: string }) =>
  expect([answer.status, answer.headers.get('location'), views(answer.text)]).to.deep.equal([
    400,
    null,
    'error',
  ])

export const rpLogout = [
  check(
    'logout-asks',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'asks the person before it signs out: a link is no wish',
    async (op) => {
      const agent = await op.newSession(WEB)
      expect(views((await op.endSession(agent)).text)).to.equal('logout')
      expect(await op.isSignedIn(agent, WEB)).to.equal(true)
    },
    page('shows that it is done', (html) => html.replace('view-logout', 'view-logout-done')),
    alwaysAsks,
  ),
  check(
    'logout-ends-session',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'ends the session when the person says so',
    async (op) => {
      const agent = await op.newSession(WEB)
      await op.signOut(agent)
      expect((await op.ask(WEB, { prompt: 'none' }, agent)).params.error).to.equal('login_required')
    },
    staysSignedIn,
  ),
  check(
    'logout-no-replay',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'takes no cookie from before: the session is gone, not only forgotten',
    async (op) => {
      const agent = await op.newSession(WEB)
      const before = op.browser()
      before.takeCookies(agent)
      await op.signOut(agent)
      expect((await op.ask(WEB, { prompt: 'none' }, before)).params.error).to.equal('login_required')
    },
    staysSignedIn,
  ),
  check(
    'logout-redirect',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'sends the person back to the address the app registered',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB, {}, op.browser())
      const { url } = await op.signOut(agent, { ...BACK, id_token_hint: tokens.id_token })
      expect(url).to.equal(SIGNED_OUT)
    },
    sendsTo('sends them elsewhere', (url) => {
      url.pathname = '/elsewhere'
    }),
    refuses('/session/end'),
  ),
  check(
    'logout-state',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'brings state back to the app',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB, {}, op.browser())
      const { url } = await op.signOut(agent, { ...BACK, id_token_hint: tokens.id_token, state: 'a b&c' })
      expect(new URL(url).searchParams.get('state')).to.equal('a b&c')
    },
    sendsTo('loses it', (url) => {
      url.search = ''
    }),
  ),
  check(
    'logout-no-state',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'makes up no state',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB, {}, op.browser())
      const { url } = await op.signOut(agent, { ...BACK, id_token_hint: tokens.id_token })
      expect(new URL(url).search).to.equal('')
    },
    sendsTo('makes one up', (url) => url.searchParams.set('state', 'x')),
  ),
  check(
    'logout-by-client-id',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'knows the app by client_id where there is no hint',
    async (op) => {
      const { url } = await op.signOut(await op.newSession(WEB), { ...BACK, client_id: WEB.id })
      expect(url).to.equal(SIGNED_OUT)
    },
    sendsTo('sends them elsewhere', (url) => {
      url.pathname = '/elsewhere'
    }),
  ),
  check(
    'logout-own-page',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'ends on a page of its own where the app gave no address, without a redirect',
    async (op) => {
      const done = await op.signOut(await op.newSession(WEB))
      expect([new URL(done.url).origin, views(done.text)]).to.deep.equal([op.issuer, 'logout-done'])
    },
    page('shows something else', (html) => html.replace('view-logout-done', 'view-home')),
  ),
  check(
    'logout-by-post',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'takes the request by POST as by GET',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB, {}, op.browser())
      const asked = { ...BACK, id_token_hint: String(tokens.id_token) }
      const question = await agent.post(`${op.issuer}/session/end`, asked)
      expect(views(question.text), question.text.slice(0, 200)).to.equal('logout')
    },
    refuses('/session/end'),
  ),
  check(
    'logout-bad-redirect',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'sends nobody to an address that is not registered',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const asked = { post_logout_redirect_uri: 'https://evil.example/', id_token_hint: tokens.id_token }
      refusedWithPage(
        await op.get(`/session/end?${new URLSearchParams(asked)}`, { headers: { accept: 'text/html' } }),
      )
    },
    accepts('/session/end'),
  ),
  check(
    'logout-redirect-query-added',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'takes no registered address with a query added to it',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const asked = { post_logout_redirect_uri: `${SIGNED_OUT}?foo=bar`, id_token_hint: tokens.id_token }
      refusedWithPage(
        await op.get(`/session/end?${new URLSearchParams(asked)}`, { headers: { accept: 'text/html' } }),
      )
    },
    accepts('/session/end'),
  ),
  check(
    'logout-redirect-unknown-app',
    'OpenID Connect RP-Initiated Logout 1.0, 3',
    'follows no address where it does not know whose it is',
    async (op) => {
      const done = await op.signOut(await op.newSession(WEB), BACK)
      expect(done.url.startsWith(`${op.issuer}/`), done.url).to.equal(true)
    },
    mutation('follows it', (exchange) => {
      if (exchange.url.pathname !== '/session/end/confirm') return
      exchange.status = 303
      exchange.headers.set('location', SIGNED_OUT)
    }),
  ),
  check(
    'logout-modified-hint',
    'OpenID Connect RP-Initiated Logout 1.0, 4',
    'refuses a hint whose signature is broken',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const hint = `${String(tokens.id_token).split('.').slice(0, 2).join('.')}.${'A'.repeat(342)}`
      refusedWithPage(
        await op.get(`/session/end?id_token_hint=${hint}`, { headers: { accept: 'text/html' } }),
      )
    },
    accepts('/session/end'),
  ),
  check(
    'logout-unsigned-hint',
    'RFC 8725, 3.1',
    'refuses a hint that is not signed at all',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const head = Buffer.from('{"alg":"none"}').toString('base64url')
      const hint = `${head}.${String(tokens.id_token).split('.')[1]}.`
      refusedWithPage(
        await op.get(`/session/end?id_token_hint=${hint}`, { headers: { accept: 'text/html' } }),
      )
    },
    accepts('/session/end'),
  ),
  check(
    'logout-hint-of-another',
    'OpenID Connect RP-Initiated Logout 1.0, 2',
    'refuses a client_id that is not the hint’s audience',
    async (op) => {
      const { tokens } = await op.signIn(WEB)
      const asked = new URLSearchParams({ client_id: OTHER.id, id_token_hint: tokens.id_token })
      refusedWithPage(await op.get(`/session/end?${asked}`, { headers: { accept: 'text/html' } }))
    },
    accepts('/session/end'),
  ),
  check(
    'logout-forged-confirmation',
    'OpenID Connect RP-Initiated Logout 1.0, 6',
    'takes the person’s word from its own page only',
    async (op) => {
      const agent = await op.newSession(WEB)
      await op.endSession(agent)
      const forged = await agent.post(`${op.issuer}/session/end/confirm`, { xsrf: 'guessed', logout: 'yes' })
      expect(forged.status).to.equal(400)
    },
    mutation('takes it from anybody', (exchange) => {
      if (exchange.url.pathname === '/session/end/confirm') exchange.status = 200
    }),
  ),
  check(
    'logout-ends-tokens',
    'OpenID Connect Core 1.0, 11',
    'ends the refresh token of the session, as no lasting access was allowed',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB, {}, op.browser())
      await op.signOut(agent, { id_token_hint: tokens.id_token })
      expectRefused(await op.refresh(WEB, tokens.refresh_token), 'invalid_grant')
    },
    accepts('/token'),
  ),
  check(
    'logout-keeps-offline-access',
    'OpenID Connect Core 1.0, 11',
    'leaves lasting access that the person allowed',
    async (op) => {
      const asked = { scope: 'openid offline_access', prompt: 'consent' }
      const { tokens, agent } = await op.signIn(WEB, asked, await op.newSession(WEB))
      await op.signOut(agent, { id_token_hint: tokens.id_token })
      expect((await op.refresh(WEB, tokens.refresh_token)).status).to.equal(200)
    },
    mutation('ends it', (exchange) => {
      if (exchange.form.get('grant_type') === 'refresh_token') exchange.status = 400
    }),
  ),
  check(
    'logout-page-not-framed',
    'RFC 9700, 4.16',
    'lets nobody show its question in a frame',
    async (op) => {
      const { headers } = await op.endSession(op.signedInBrowser())
      expect(headers.get('x-frame-options')).to.equal('DENY')
      expect(headers.get('content-security-policy')).to.include("frame-ancestors 'none'")
    },
    header('/session/end', 'x-frame-options'),
    header('/session/end', 'content-security-policy', "default-src 'self'"),
  ),
]
