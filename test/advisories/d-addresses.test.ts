/**
 * Advisory group D (redirects and how addresses are read): a corpus of addresses that were taken for another one
 * somewhere, at every place of ours that takes an address. Asked for, none leads anywhere; registered, none but plain
 * https (and loopback) is kept; and what is in the database all the same is no link on a page.
 */
import { expect } from 'chai'
import { appCard, appHome } from '../../src/http/app-card.ts'
import { JANE, newAgent, onEveryStack, sendJson, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, webClient } from '../support/relying-party.ts'

const REGISTER = 'an-initial-access-token-of-the-test-0123456789'
const OUT = 'https://app.example.org/out'
const CB = 'https://app.example.org/cb'

/** Addresses that look like the registered `https://app.example.org/cb`. None of them is. */
const NEAR = [
  // another host behind a user name, once or twice (CVE-2026-7504)
  'https://app.example.org@evil.example/cb',
  'https://app.example.org@@evil.example/cb',
  'https://evil.example@@app.example.org/cb',
  'https://user@app.example.org/cb',
  'https://user:@app.example.org/cb',
  'https://:pass@app.example.org/cb',
  'https://app.example.org%40evil.example/cb',
  'https://app.example.org:443@evil.example/cb',
  'https://evil.example#@app.example.org/cb',
  'https://evil.example?@app.example.org/cb',
  'https://evil.example/@app.example.org/cb',
  'https://evil.example\\@app.example.org/cb',
  // paths that are another after somebody has tidied them (CVE-2026-3872)
  'https://app.example.org/cb/..;/evil',
  'https://app.example.org/x/..;/cb',
  'https://app.example.org/cb/../evil',
  'https://app.example.org/x/../cb',
  'https://app.example.org/./cb',
  'https://app.example.org/%2e/cb',
  'https://app.example.org/x/%2e%2e/cb',
  'https://app.example.org/x%2f..%2fcb',
  'https://app.example.org//cb',
  'https://app.example.org/cb/',
  'https://app.example.org/cb//',
  'https://app.example.org/cb;x=y',
  'https://app.example.org/cb%00',
  'https://app.example.org/cb%00.evil.example',
  'https://app.example.org/cb%0d%0aSet-Cookie:x=y',
  'https://app.example.org/cb%20',
  'https://app.example.org/%63b',
  'https://app.example.org/CB',
  'https://app.example.org/cb*',
  'https://app.example.org/*',
  'https://app.example.org/cbevil',
  'https://app.example.org/c',
  'https://app.example.org/',
  'https://app.example.org',
  // a query or fragment more (CVE-2024-8883)
  'https://app.example.org/cb?',
  'https://app.example.org/cb?x=y',
  'https://app.example.org/cb?code=x',
  'https://app.example.org/cb#',
  'https://app.example.org/cb#x',
  'https://app.example.org/cb%3fx',
  'https://app.example.org/cb%23',
  // other hosts (CVE-2024-52289: a dot of a pattern)
  'https://appXexample.org/cb',
  'https://app.example.org.evil.example/cb',
  'https://app.example.orgevil.example/cb',
  'https://evilapp.example.org/cb',
  'https://evil.app.example.org/cb',
  'https://example.org/cb',
  'https://app.example.org./cb',
  'https://APP.example.org/cb',
  'https://app.example.ORG/cb',
  'https://аpp.example.org/cb',
  'https://app.example.org\u3002evil.example/cb',
  'https://app.ex\u00adample.org/cb',
  'https://app\u3002example\u3002org/cb',
  'https://xn--pp-7lc.example.org/cb',
  'https://127.0.0.1/cb',
  'https://2130706433/cb',
  'https://0x7f.1/cb',
  'https://[::1]/cb',
  'https://[::ffff:127.0.0.1]/cb',
  // other ports and schemes
  'https://app.example.org:443/cb',
  'https://app.example.org:8443/cb',
  'https://app.example.org:/cb',
  'https://app.example.org:00443/cb',
  'http://app.example.org/cb',
  'HTTPS://app.example.org/cb',
  'ftp://app.example.org/cb',
  'wss://app.example.org/cb',
  // without a scheme, or with less of one (CVE-2025-27143, CVE-2024-56734)
  '//app.example.org/cb',
  '///app.example.org/cb',
  '/cb',
  'cb',
  'app.example.org/cb',
  'https:app.example.org/cb',
  'https:/app.example.org/cb',
  'https:///app.example.org/cb',
  'https:\\\\app.example.org\\cb',
  'https://app.example.org\\cb',
  'https://app.example.org\\.evil.example/cb',
  '\\\\evil.example\\cb',
  '/\\evil.example/cb',
  '//evil.example/cb',
  '////evil.example/cb',
  '/%09/evil.example',
  '/\t/evil.example',
  // what a parser takes away
  ' https://app.example.org/cb',
  'https://app.example.org/cb ',
  '\thttps://app.example.org/cb',
  'https://app.example.org/cb\n',
  'https://app.example.org/c\tb',
  'ht\ntps://app.example.org/cb',
  'https://app.example.org/cb\u0000',
  'https://app.example.org/cb\ufeff',
  'https://app.example.org/cb\u200b',
  '',
] as const

/** Addresses that do something else than lead somewhere (CVE-2026-9086, CVE-2026-67333, CVE-2026-28512). */
const SCRIPTS = [
  'javascript:alert(1)',
  'JavaScript:alert(1)',
  'JAVASCRIPT:alert(1)//https://app.example.org/cb',
  'java\nscript:alert(1)',
  'java\tscript:alert(1)',
  '\u0001javascript:alert(1)',
  ' javascript:alert(1)',
  'javascript://app.example.org/cb%0aalert(1)',
  'javascript:https://app.example.org/cb',
  'vbscript:msgbox(1)',
  'data:text/html,<script>alert(1)</script>',
  'data:text/html;base64,PHNjcmlwdD4=',
  'DATA:text/html,x',
  'blob:https://app.example.org/x',
  'file:///etc/passwd',
  'filesystem:https://app.example.org/x',
  'view-source:https://app.example.org/cb',
  'about:blank',
  'mailto:x@evil.example',
  'tel:1',
  'intent://app.example.org/cb#Intent;scheme=https;end',
  'jar:https://evil.example!/x',
  'chrome://settings',
  'ms-word:ofe|u|https://evil.example',
  'x:alert(1)',
] as const

const clients = [
  webClient({
    redirect_uris: [CB, CALLBACK],
    post_logout_redirect_uris: [OUT],
    grant_types: ['authorization_code'],
  }),
]
const settings = { INITIAL_ACCESS_TOKEN: REGISTER }

onEveryStack('advisories D: addresses', { settings, overrides: { clients } }, (app) => {
  it('the corpus is as large as it was said to be', () => {
    expect(new Set([...NEAR, ...SCRIPTS]).size).to.be.at.least(120)
  })

  it('as redirect_uri: no redirect, whatever the answer is wrapped in (CVE-2026-7504, CVE-2026-3872, CVE-2024-8883, CVE-2026-9086, CVE-2026-28512, CVE-2024-52289, GHSA-9vm7-v8wj-3fqw)', async function () {
    this.timeout(60_000)
    const { url } = await begin(await discover(app.issuer))
    const taken: string[] = []
    for (const [index, redirect_uri] of [...NEAR, ...SCRIPTS].entries()) {
      url.searchParams.set('redirect_uri', redirect_uri)
      const mode = ['query', 'fragment', 'form_post', 'form_post.jwt', 'jwt'][index % 5] as string
      url.searchParams.set('response_mode', mode)
      const page = await fetch(url, { redirect: 'manual', headers: { accept: 'text/html' } })
      const text = await page.text()
      const shown =
        page.status === 400 && text.includes('class="view-error"') && !page.headers.has('location')
      if (!shown || /href="(javascript|data|vbscript)/i.test(text) || /<form[^>]+evil/i.test(text))
        taken.push(redirect_uri)
    }
    expect(taken).to.deep.equal([])
  })

  it('as post_logout_redirect_uri: nobody is led there, signed in or out (CVE-2025-71403, CVE-2026-5467)', async function () {
    this.timeout(60_000)
    const { agent, tokens } = await signIn(
      await discover(app.issuer),
      { redirect_uri: CALLBACK },
      { person: JANE },
    )
    agent.stopAt = () => false
    const taken: string[] = []
    for (const near of [...NEAR, ...SCRIPTS]) {
      // An empty one is none at all.
      if (near === '') continue
      const query = new URLSearchParams({
        post_logout_redirect_uri: near.replace(/\/cb/, '/out'),
        id_token_hint: String(tokens.id_token),
      })
      const page = await fetch(`${app.issuer}/session/end?${query}`, {
        redirect: 'manual',
        headers: { accept: 'text/html', cookie: agent.cookieHeader(`${app.issuer}/session/end`) },
      })
      if (page.status !== 400 || page.headers.has('location')) taken.push(near)
    }
    expect(taken).to.deep.equal([])
  })

  /** Addresses of the web as they are; other hosts than the client's own are its own business. */
  const isPlain = (uri: string) => {
    const url = URL.parse(uri)
    const loopback = url && ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
    return url !== null && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback))
  }
  const MEMBERS =
    'redirect_uris post_logout_redirect_uris client_uri logo_uri policy_uri tos_uri initiate_login_uri backchannel_logout_uri'

  for (const member of MEMBERS.split(' '))
    it(`registered as ${member}: only the web’s own schemes (CVE-2026-67333, CVE-2026-28512, GHSA-86j7-9j95-vpqj)`, async function () {
      this.timeout(60_000)
      const kept: string[] = []
      for (const uri of [...SCRIPTS, ...NEAR.filter((one) => one !== '' && !isPlain(one))]) {
        const value = member.endsWith('uris') ? [uri] : uri
        const metadata = { redirect_uris: [CALLBACK], [member]: value }
        const { status, json } = await sendJson('POST', `${app.issuer}/reg`, metadata, { bearer: REGISTER })
        if (status !== 400 || !/^invalid_(client_metadata|redirect_uri)$/.test(json.error)) kept.push(uri)
      }
      expect(kept).to.deep.equal([])
    })

  it('after POST /auth: the parameters come back to our own address (CVE-2025-27143, Koa’s redirect)', async () => {
    for (const near of [...NEAR, ...SCRIPTS].filter((_, index) => index % 6 === 0)) {
      const body = new URLSearchParams({ client_id: 'web', redirect_uri: near, state: near })
      const answer = await fetch(`${app.issuer}/auth`, { method: 'POST', body, redirect: 'manual' })
      expect(answer.headers.get('location'), near).to.match(/^\/auth\?/)
    }
  })

  it('at a path of ours: nothing redirects to where a doubled or turned slash points (CVE-2025-27143)', async () => {
    for (const path of [
      '//evil.example',
      '///evil.example/%2e%2e',
      '/\\evil.example',
      '/%5cevil.example',
      '/%2f%2fevil.example',
    ]) {
      const answer = await fetch(app.issuer + path, { redirect: 'manual' })
      const to = answer.headers.get('location')
      if (to !== null) expect(new URL(to, app.issuer).origin, path).to.equal(app.issuer)
    }
  })

  it('a form posted back with a place to go to goes nowhere else (returnTo and its kin)', async () => {
    const agent = newAgent()
    const page = await agent.get(
      (await begin(await discover(app.issuer), { redirect_uri: CALLBACK })).url.href,
    )
    const place = 'https://evil.example/'
    const more = { returnTo: place, return_to: place, next: place, redirect: place, redirect_uri: place }
    const wrong = { identifier: JANE.email, password: 'wrong password for this', ...more }
    const answer = await agent.submit(page, wrong, '/sign-in')
    expect(new URL(answer.url).origin).to.equal(app.issuer)
    expect(answer.text).to.not.include('evil.example')
  })
})

describe('advisories D: what is in the database all the same', () => {
  for (const uri of SCRIPTS)
    it(`${JSON.stringify(uri)} is no link (CVE-2026-67333, CVE-2026-28512)`, () => {
      const client = {
        clientId: 'x',
        clientUri: uri,
        policyUri: uri,
        tosUri: uri,
        initiateLoginUri: uri,
      } as never
      const { policyUri, tosUri, clientUri } = appCard(client)
      expect([policyUri, tosUri, clientUri, appHome(client)]).to.deep.equal([
        undefined,
        undefined,
        undefined,
        undefined,
      ])
    })
})
