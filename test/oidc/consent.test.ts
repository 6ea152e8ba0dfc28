import { expect } from 'chai'
import * as client from 'openid-client'
import { PERMISSION_NAMES, PERMISSIONS } from '../../src/domain/permissions/permissions.ts'
import { JANE, newAgent, onEveryStack, responseOf, signIn } from '../support/protocol.ts'
import { begin, discover, exchange, PASSWORD, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const ORDERS = 'https://orders.example/api'
const settings = {
  RESOURCE_SERVERS: JSON.stringify([{ audience: ORDERS, scopes: ['orders:read', 'orders:write'] }]),
}
/** An app for each test: what is remembered is remembered. */
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k', 'l', 'm']
const clients = [
  ...NAMES.map((client_id) => webClient({ client_id, client_name: `App ${client_id}` })),
  webClient({ client_id: 'ours', first_party: true }),
]

onEveryStack('consent', { settings, overrides: { clients } }, (app) => {
  /** Opens an authorization request and signs in if asked; the page after that. */
  async function arrive(id: string, parameters: Record<string, string>, agent: UserAgent = newAgent()) {
    const rp = await discover(app.issuer, id)
    const started = await begin(rp, parameters)
    let page = await agent.get(started.url.href)
    if (page.text.includes('class="view-sign-in"'))
      page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    return { rp, started, agent, page }
  }
  const asks = (page: Page) => page.text.includes('class="view-consent"')
  const scopesAsked = (page: Page) =>
    (page.forms.find(({ action }) => action.endsWith('/consent'))?.fields ?? [])
      .filter(([name]) => name === 'scope')
      .map(([, value]) => value)

  it('is asked before an app learns anything, and names app, person and scopes', async () => {
    const { page } = await arrive('a', { scope: 'openid email phone' })
    expect(asks(page)).to.equal(true)
    expect(page.text).to.include('App a').and.to.include(JANE.email)
    expect(scopesAsked(page)).to.deep.equal(['openid', 'email', 'phone'])
  })

  it('is remembered: the next sign-in, in another browser, asks nothing', async () => {
    await signIn(await discover(app.issuer, 'b'))
    const { page } = await arrive('b', { scope: 'openid email' })
    expect(responseOf(page.url).code).to.be.a('string')
  })

  it('refused later is taken back everywhere: the next browser is asked', async () => {
    const rp = await discover(app.issuer, 'k')
    const { agent } = await signIn(rp, { scope: 'openid email' })
    const again = await begin(rp, { scope: 'openid email', prompt: 'consent' })
    await agent.submit(await agent.get(again.url.href), { scope: ['openid'] }, '/consent')
    const { page } = await arrive('k', { scope: 'openid email' })
    expect(asks(page)).to.equal(true)
  })

  it('asked for again (prompt=consent) shows the API the app has, too', async () => {
    const asksForOrders = { scope: 'openid orders:read', resource: ORDERS }
    const rp = await discover(app.issuer, 'l')
    const { agent } = await signIn(rp, asksForOrders)
    const page = await agent.get((await begin(rp, { ...asksForOrders, prompt: 'consent' })).url.href)
    expect(asks(page)).to.equal(true)
    expect(page.text).to.include('orders:read')
  })

  it('is remembered for one app, not for all', async () => {
    const { agent } = await signIn(await discover(app.issuer, 'b'))
    const { page } = await arrive('c', { scope: 'openid email' }, agent)
    expect(asks(page)).to.equal(true)
  })

  for (const [where, id] of [
    ['the same browser', 'd'],
    ['another', 'e'],
  ] as const)
    it(`asks in ${where} only for the scope that is new`, async () => {
      const first = await signIn(await discover(app.issuer, id), { scope: 'openid email' })
      const agent = id === 'd' ? first.agent : newAgent()
      const { rp, started, page } = await arrive(id, { scope: 'openid email phone' }, agent)
      expect(scopesAsked(page)).to.deep.equal(['phone'])
      const done = await agent.submit(page, {}, '/consent')
      const tokens = await exchange(rp, done.url, started)
      expect(tokens.scope).to.equal('openid email phone')
    })

  it('can refuse a scope: the app gets the rest and is told so (RFC 6749 3.3)', async () => {
    const { rp, started, agent, page } = await arrive('f', { scope: 'openid email phone' })
    const done = await agent.submit(page, { scope: ['openid', 'phone'] }, '/consent')
    const tokens = await exchange(rp, done.url, started)
    expect(tokens.scope).to.equal('openid phone')
    const info = await client.fetchUserInfo(rp, tokens.access_token, String(tokens.claims()?.sub))
    expect(info).to.not.have.any.keys('email', 'email_verified')
    const refreshed = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(refreshed.scope).to.equal('openid phone')
    const [row] = await app.sql.query<{ scopes: string[] }>(
      `select scopes from consents where client_id = 'f'`,
    )
    expect(row?.scopes.toSorted()).to.deep.equal(['openid', 'phone'])
  })

  it('can allow later what was refused', async () => {
    const { agent, page } = await arrive('g', { scope: 'openid email' })
    await agent.submit(page, { scope: ['openid'] }, '/consent')
    const again = await arrive('g', { scope: 'openid email', prompt: 'consent' }, agent)
    const done = await agent.submit(again.page, { scope: ['openid', 'email'] }, '/consent')
    const tokens = await exchange(again.rp, done.url, again.started)
    expect(tokens.scope).to.equal('openid email')
    const info = await client.fetchUserInfo(again.rp, tokens.access_token, String(tokens.claims()?.sub))
    expect(info.email).to.equal(JANE.email)
  })

  it('never grants what was not asked for, whatever the form says', async () => {
    const { rp, started, agent, page } = await arrive('h', { scope: 'openid email' })
    const done = await agent.submit(page, { scope: ['openid', 'email', 'phone', 'address'] }, '/consent')
    const tokens = await exchange(rp, done.url, started)
    expect(tokens.scope).to.equal('openid email')
    const [row] = await app.sql.query<{ scopes: string[] }>(
      `select scopes from consents where client_id = 'h'`,
    )
    expect(row?.scopes.toSorted()).to.deep.equal(['email', 'openid'])
  })

  it('denied leaves nothing: the app is told, and asked is the person the next time', async () => {
    const { agent, page } = await arrive('i', { scope: 'openid email' })
    const { url } = await agent.submit(page, {}, '/abort')
    expect(responseOf(url).error).to.equal('access_denied')
    expect(await app.sql.query(`select * from consents where client_id = 'i'`)).to.deep.equal([])
    expect(asks((await arrive('i', { scope: 'openid email' }, agent)).page)).to.equal(true)
  })

  it('remembers an API’s scopes one by one', async () => {
    const read = { scope: 'openid orders:read', resource: ORDERS }
    await signIn(await discover(app.issuer, 'j'), read, { exchange: { resource: ORDERS } })
    expect(responseOf((await arrive('j', read)).page.url).code).to.be.a('string')
    const { page } = await arrive('j', { scope: 'openid orders:read orders:write', resource: ORDERS })
    expect(page.text).to.include('<code>orders:write</code>').and.to.not.include('<code>orders:read</code>')
  })

  it('says of the house’s own API what each permission lets the app do', async () => {
    const resource = `${app.issuer}/api`
    const asked = ['account:read', 'users:read', 'audit:read'] as const
    const { page } = await arrive('m', { scope: `openid ${asked.join(' ')}`, resource })
    expect(asks(page)).to.equal(true)
    for (const permission of PERMISSION_NAMES)
      expect(page.text.includes(PERMISSIONS[permission]), permission).to.equal(
        (asked as readonly string[]).includes(permission),
      )
  })

  it('takes the consent form from this browser’s own page only', async () => {
    const { agent, page } = await arrive('a', { scope: 'openid address' })
    const form = page.forms.find(({ action }) => action.endsWith('/consent'))
    const target = new URL(String(form?.action), page.url).href
    for (const _csrf of ['', 'guessed']) {
      const answer = await agent.post(target, { _csrf, scope: ['openid', 'address'] })
      expect(answer.status).to.equal(403)
    }
    const stranger = newAgent()
    const answer = await stranger.submit(page, {}, '/consent')
    expect(answer.status).to.be.within(400, 403)
  })

  it('is not asked for the operator’s own apps (first_party)', async () => {
    const { rp, started, page } = await arrive('ours', { scope: 'openid profile email phone address' })
    const tokens = await exchange(rp, page.url, started)
    expect(tokens.scope).to.equal('openid profile email phone address')
    expect(await app.sql.query(`select * from consents where client_id = 'ours'`)).to.deep.equal([])
  })

  it('is asked even for the operator’s own apps when they say so, and can be denied', async () => {
    const { agent, page } = await arrive('ours', { scope: 'openid email', prompt: 'consent' })
    expect(asks(page)).to.equal(true)
    const { url } = await agent.submit(page, {}, '/abort')
    expect(responseOf(url).error).to.equal('access_denied')
  })

  it('offline access is asked for on its own, and given only with prompt=consent (OIDC Core 11)', async () => {
    const without = await arrive('b', { scope: 'openid email offline_access' })
    expect(responseOf(without.page.url).code).to.be.a('string')
    const silent = await exchange(without.rp, without.page.url, without.started)
    expect(silent.scope).to.equal('openid email')
    const { rp, started, agent, page } = await arrive('b', {
      scope: 'openid email offline_access',
      prompt: 'consent',
    })
    expect(scopesAsked(page)).to.include('offline_access')
    const done = await agent.submit(page, {}, '/consent')
    expect((await exchange(rp, done.url, started)).scope).to.equal('openid email offline_access')
  })
})
