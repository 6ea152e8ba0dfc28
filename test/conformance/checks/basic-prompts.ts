/** When the person is asked, and when not (OpenID Connect Core 1.0, 3.1.2.1). */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { accepts, alwaysAsks, errs, idToken, mutation, skipsPages } from '../harness/mutations.ts'
import type { Flow } from '../harness/op.ts'
import { FRESH, JANE, WEB } from '../harness/parties.ts'

const view = ({ page }: Flow) => /class="view-([\w-]+)"/.exec(page.text)?.[1]
const seconds = () => Math.floor(Date.now() / 1000)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export const basicPrompts = [
  check(
    'prompt-none-not-signed-in',
    'OpenID Connect Core 1.0, 3.1.2.6',
    'says login_required instead of showing a page',
    async (op) => expect((await op.ask(WEB, { prompt: 'none' })).params.error).to.equal('login_required'),
    accepts('/auth'),
    errs('login_required'),
  ),
  check(
    'prompt-none-signed-in',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'answers at once for a person who is signed in and has allowed',
    async (op) => {
      const flow = await op.ask(WEB, { prompt: 'none' }, op.signedInBrowser())
      expect(flow.params.code, flow.page.url).to.be.a('string')
    },
    alwaysAsks,
  ),
  check(
    'prompt-none-no-consent',
    'OpenID Connect Core 1.0, 3.1.2.6',
    'says consent_required for an app that nobody allowed yet',
    async (op) => {
      const { params } = await op.ask(FRESH, { prompt: 'none' }, op.signedInBrowser())
      expect(params.error).to.be.oneOf(['consent_required', 'interaction_required'])
    },
    accepts('/auth'),
    errs('consent_required'),
  ),
  check(
    'prompt-none-with-others',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'refuses none together with another prompt',
    async (op) => {
      const { params } = await op.ask(WEB, { prompt: 'none login' }, op.signedInBrowser())
      expect(params.error).to.equal('invalid_request')
    },
    accepts('/auth'),
  ),
  check(
    'prompt-unknown',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'refuses a prompt it does not know',
    async (op) => {
      const { params } = await op.ask(WEB, { prompt: 'dance' }, op.signedInBrowser())
      expect(params.error).to.equal('invalid_request')
    },
    accepts('/auth'),
  ),
  check(
    'prompt-login',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'asks for the password again although the person is signed in',
    async (op) =>
      expect(view(await op.ask(WEB, { prompt: 'login' }, op.signedInBrowser()))).to.equal('sign-in'),
    skipsPages,
  ),
  check(
    'prompt-login-auth-time',
    'OpenID Connect Core 1.0, 2',
    'takes the new sign-in as the time of authentication',
    async (op) => {
      const before = seconds()
      const asked = { prompt: 'login', max_age: '10000' }
      const { claims } = await op.signIn(WEB, asked, await op.newSession(WEB))
      expect(claims.auth_time).to.be.at.least(before - 1)
    },
    idToken('keeps the old time', (claims) => Object.assign(claims, { auth_time: seconds() - 500 })),
  ),
  check(
    'prompt-consent',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'asks again what was allowed before',
    async (op) =>
      expect(view(await op.ask(WEB, { prompt: 'consent' }, op.signedInBrowser()))).to.equal('consent'),
    skipsPages,
  ),
  check(
    'prompt-select-account',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'lets the person choose the account',
    async (op) =>
      expect(view(await op.ask(WEB, { prompt: 'select_account' }, op.signedInBrowser()))).to.equal(
        'select-account',
      ),
    skipsPages,
  ),
  check(
    'consent-first-time',
    'OpenID Connect Core 1.0, 3.1.2.4',
    'asks before it tells an app for the first time, and names the app',
    async (op) => {
      const flow = await op.ask(FRESH, {}, op.signedInBrowser())
      expect(view(flow)).to.equal('consent')
      expect(flow.page.text).to.include('Mirror fresh')
    },
    skipsPages,
  ),
  check(
    'consent-denied',
    'OpenID Connect Core 1.0, 3.1.2.6',
    'tells the app access_denied when the person says no',
    async (op) => {
      const { page, agent, request } = await op.ask(FRESH, {}, op.signedInBrowser())
      const deny = page.forms.findIndex(({ action }) => /\/(abort|cancel|deny)/.test(action))
      const { url } = await agent.submit(page, {}, deny)
      const params = new URL(url).searchParams
      expect([params.get('error'), params.get('state')]).to.deep.equal(['access_denied', request.state])
    },
    accepts('/auth'),
    errs('access_denied'),
  ),
  check(
    'offline-access-asks',
    'OpenID Connect Core 1.0, 11',
    'asks before it lets an app act while the person is away',
    async (op) => {
      const asked = { scope: 'openid offline_access', prompt: 'consent' }
      expect(view(await op.ask(WEB, asked, op.signedInBrowser()))).to.equal('consent')
    },
    skipsPages,
  ),
  check(
    'max-age-over',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'asks for the password when the last time is longer ago than max_age',
    async (op) => {
      const agent = await op.newSession(WEB)
      await pause(2100)
      expect(view(await op.ask(WEB, { max_age: '1' }, agent))).to.equal('sign-in')
    },
    skipsPages,
  ),
  check(
    'max-age-within',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'asks nothing when it is not',
    async (op) => {
      const { params, page } = await op.ask(WEB, { max_age: '10000' }, op.signedInBrowser())
      expect(params.code, page.url).to.be.a('string')
    },
    alwaysAsks,
  ),
  check(
    'max-age-auth-time',
    'OpenID Connect Core 1.0, 2',
    'says when the person signed in, where max_age was asked',
    async (op) => {
      const { claims } = await op.signIn(WEB, { max_age: '10000' })
      expect(claims.auth_time).to.be.within(seconds() - 10_000, seconds() + 1)
    },
    idToken('does not say', (claims) => delete claims.auth_time),
  ),
  check(
    'auth-time-kept',
    'OpenID Connect Core 1.0, 2',
    'says the same time as long as nobody signs in anew',
    async (op) => {
      const agent = op.signedInBrowser()
      const one = await op.signIn(WEB, { max_age: '10000' }, agent)
      await pause(1100)
      const two = await op.signIn(WEB, { max_age: '10000' }, agent)
      expect(two.claims.auth_time).to.equal(one.claims.auth_time)
    },
    idToken('says now', (claims) => Object.assign(claims, { auth_time: seconds() })),
  ),
  check(
    'max-age-malformed',
    'OpenID Connect Core 1.0, 3.1.2.6',
    'refuses a max_age that is no number of seconds',
    async (op) =>
      expect((await op.ask(WEB, { max_age: '-1' }, op.signedInBrowser())).params.error).to.equal(
        'invalid_request',
      ),
    accepts('/auth'),
  ),
  check(
    'id-token-hint-same',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'answers without a page for the person the hint names',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB)
      const flow = await op.ask(WEB, { prompt: 'none', id_token_hint: tokens.id_token }, agent)
      expect(flow.params.code, flow.page.url).to.be.a('string')
    },
    alwaysAsks,
  ),
  check(
    'id-token-hint-other',
    'OpenID Connect Core 1.0, 3.1.2.1',
    'does not answer for one person where the hint names another',
    async (op) => {
      const janes = await op.authorize(WEB, {}, op.browser(), JANE)
      const { json } = await op.redeem(WEB, janes)
      const asked = { prompt: 'none', id_token_hint: json.id_token }
      expect((await op.ask(WEB, asked, op.signedInBrowser())).params.error).to.equal('login_required')
    },
    accepts('/auth'),
  ),
  check(
    'id-token-hint-forged',
    'OpenID Connect Core 1.0, 3.1.2.2',
    'refuses a hint that it did not sign',
    async (op) => {
      const { tokens, agent } = await op.signIn(WEB)
      const forged = `${String(tokens.id_token).split('.').slice(0, 2).join('.')}.${'A'.repeat(342)}`
      expect((await op.ask(WEB, { prompt: 'none', id_token_hint: forged }, agent)).params.error).to.equal(
        'invalid_request',
      )
    },
    accepts('/auth'),
  ),
  check(
    'sign-in-cookies',
    'RFC 9700, 4.7',
    'keeps its session in cookies that scripts and other sites do not get',
    async (op) => {
      const { headers } = await op.firstAnswer(WEB)
      const cookies = headers.getSetCookie()
      expect(cookies.length).to.be.above(0)
      for (const cookie of cookies)
        expect(cookie)
          .to.match(/httponly/i)
          .and.match(/samesite=(lax|strict)/i)
    },
    mutation('shows them to scripts', ({ headers }) => {
      const cookies = headers.getSetCookie()
      headers.delete('set-cookie')
      for (const cookie of cookies) headers.append('set-cookie', cookie.replace(/; ?httponly/i, ''))
    }),
  ),
]
