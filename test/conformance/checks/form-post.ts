/** OAuth 2.0 Form Post Response Mode: the answer travels in a form that the browser posts to the app. */
import { expect } from 'chai'
import { check } from '../harness/check.ts'
import { header, idToken, mutation, page } from '../harness/mutations.ts'
import type { Flow } from '../harness/op.ts'
import { CALLBACK, isCallback, WEB } from '../harness/parties.ts'

const FORM_POST = { response_mode: 'form_post' }
const formOf = ({ page }: Flow) => page.forms.find(({ action }) => isCallback(action))

/** Answers in the address although a form was asked for. */
const byQuery = mutation('answers in the address', (exchange) => {
  const fields = [...exchange.text.matchAll(/<input type="hidden" name="(\w+)" value="([^"]*)"/g)]
  if (!exchange.text.includes(`action="${CALLBACK}`) || fields.length === 0) return
  const query = new URLSearchParams(fields.map(([, name = '', value = '']) => [name, value]))
  exchange.status = 303
  exchange.headers.set('location', `${CALLBACK}?${query}`)
})
const field = (what: string, name: string, value: string) =>
  page(what, (html) => html.replace(new RegExp(`(name="${name}" value=")[^"]*`), `$1${value}`))

export const formPost = [
  check(
    'form-post-form',
    'OAuth 2.0 Form Post Response Mode 1.0, 2',
    'answers with a page whose form is posted to the app',
    async (op) => {
      const flow = await op.authorize(WEB, FORM_POST)
      expect(flow.page.status).to.equal(200)
      expect(formOf(flow)).to.include({ action: CALLBACK, method: 'post' })
    },
    byQuery,
    page('sends the form by GET', (html) => html.replace('method="post"', 'method="get"')),
  ),
  check(
    'form-post-parameters',
    'OAuth 2.0 Form Post Response Mode 1.0, 2',
    'puts code, state and iss into the form and nothing more',
    async (op) => {
      const { params, request } = await op.authorize(WEB, FORM_POST)
      expect(Object.keys(params)).to.have.members(['code', 'state', 'iss'])
      expect([params.state, params.iss]).to.deep.equal([request.state, op.issuer])
    },
    field('changes state', 'state', 'another'),
    field('names another issuer', 'iss', 'https://evil.example'),
  ),
  check(
    'form-post-redeemable',
    'OAuth 2.0 Form Post Response Mode 1.0, 2',
    'gives a code that is worth tokens',
    async (op) => {
      const { claims, request } = await op.signIn(WEB, FORM_POST)
      expect(claims.nonce).to.equal(request.nonce)
    },
    field('gives another code', 'code', 'x'.repeat(43)),
    idToken('loses the nonce', (claims) => delete claims.nonce),
  ),
  check(
    'form-post-errors',
    'OAuth 2.0 Form Post Response Mode 1.0, 2',
    'tells refusals by the same form',
    async (op) => {
      const flow = await op.ask(WEB, { ...FORM_POST, prompt: 'none' })
      expect(formOf(flow)?.action, flow.page.url).to.equal(CALLBACK)
      expect([flow.params.error, flow.params.state]).to.deep.equal(['login_required', flow.request.state])
    },
    byQuery,
    field('says another error', 'error', 'server_error'),
  ),
  check(
    'form-post-not-in-address',
    'RFC 9700, 4.2.4',
    'leaves nothing of the answer in any address',
    async (op) => {
      const flow = await op.authorize(WEB, FORM_POST)
      expect(flow.page.url).to.not.include(String(flow.params.code))
      expect(formOf(flow)?.action).to.not.include('?')
    },
    byQuery,
    page('repeats the code in the address', (html) =>
      html.replace(`action="${CALLBACK}"`, `action="${CALLBACK}?code=x"`),
    ),
  ),
  check(
    'form-post-no-store',
    'OAuth 2.0 Form Post Response Mode 1.0, 4',
    'lets nobody keep the page',
    async (op) =>
      expect((await op.authorize(WEB, FORM_POST)).page.headers.get('cache-control')).to.include('no-store'),
    header('/auth', 'cache-control', 'max-age=60'),
  ),
  check(
    'form-post-without-script',
    'OAuth 2.0 Form Post Response Mode 1.0, 3',
    'has a button for browsers without script',
    async (op) =>
      expect((await op.authorize(WEB, FORM_POST)).page.text).to.match(
        /<noscript>[\s\S]*<button[^>]*type="submit"/,
      ),
    page('has none', (html) => html.replace(/<noscript>[\s\S]*?<\/noscript>/, '')),
  ),
  check(
    'form-post-escaped',
    'OAuth 2.0 Form Post Response Mode 1.0, 4',
    'writes state into the form as text, whatever it holds',
    async (op) => {
      const state = '"><script>alert(1)</script>'
      const { page, params } = await op.authorize(WEB, { ...FORM_POST, state })
      expect(page.text).to.not.include('<script>alert(1)')
      expect(params.state).to.equal(state)
    },
    page('writes it as markup', (html) => html.replace('</form>', '<script>alert(1)</script></form>')),
  ),
  check(
    'form-post-script-pinned',
    'OAuth 2.0 Form Post Response Mode 1.0, 4',
    'runs no script on that page but its own, which the policy names by hash',
    async (op) => {
      const policy = (await op.authorize(WEB, FORM_POST)).page.headers.get('content-security-policy') ?? ''
      expect(policy).to.match(/script-src [^;]*'sha256-/)
      expect(policy).to.not.include('unsafe-inline')
    },
    header('/auth', 'content-security-policy'),
    header('/auth', 'content-security-policy', "script-src 'unsafe-inline' 'sha256-x'"),
  ),
  check(
    'form-post-unregistered',
    'RFC 6749, 4.1.2.1',
    'posts nothing to an address that is not registered',
    async (op) => {
      const flow = await op.ask(WEB, { ...FORM_POST, redirect_uri: 'http://localhost:9/evil' })
      expect(flow.page.status).to.equal(400)
      expect(formOf(flow)).to.equal(undefined)
    },
    page('posts it there', (html) =>
      html.replace('</body>', '<form method="post" action="http://localhost:9/evil"></form></body>'),
    ),
  ),
  check(
    'form-post-not-framed',
    'RFC 9700, 4.16',
    'lets nobody show that page in a frame',
    async (op) =>
      expect((await op.authorize(WEB, FORM_POST)).page.headers.get('x-frame-options')).to.equal('DENY'),
    header('/auth', 'x-frame-options'),
  ),
]
