import { expect } from 'chai'
import * as client from 'openid-client'
import { JANE, newAgent, onEveryStack, refusal, responseOf, signIn } from '../support/protocol.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const BACK = 'http://localhost:9/signed-out'
const clients = [
  webClient(),
  webClient({ client_id: 'other', post_logout_redirect_uris: ['http://localhost:9/other-out'] }),
]

onEveryStack('sign-out (RP-Initiated Logout 1.0)', { overrides: { clients } }, (app) => {
  const rp = () => discover(app.issuer)
  const isSignedIn = async (agent: UserAgent) => {
    const { url } = await begin(await rp(), { prompt: 'none' })
    const { error, code } = responseOf((await agent.get(url.href)).url)
    return code !== undefined && error === undefined
  }
  const endSession = async (agent: UserAgent, parameters: Record<string, string> = {}) =>
    agent.get(client.buildEndSessionUrl(await rp(), parameters).href)
  const view = (page: Page) => /class="view-([\w-]+)"/.exec(page.text)?.[1] ?? page.url
  const hint = (tokens: { id_token?: string }) => ({ id_token_hint: String(tokens.id_token) })

  it('asks first: opening the address signs nobody out (2)', async () => {
    const { agent, tokens } = await signIn(await rp())
    for (const parameters of [{}, hint(tokens), { client_id: 'web' }]) {
      const page = await endSession(agent, parameters as Record<string, string>)
      expect(view(page)).to.equal('logout')
      expect(page.text).to.include(JANE.email)
      expect(await isSignedIn(agent)).to.equal(true)
    }
  })

  it('goes back to the registered address with state after "Sign out" (3)', async () => {
    const { agent, tokens } = await signIn(await rp())
    const parameters = { ...hint(tokens), post_logout_redirect_uri: BACK, state: 'the-state' }
    const page = await endSession(agent, parameters)
    expect(page.text).to.include('Test web app')
    const { url } = await agent.submit(page, { logout: 'yes' })
    expect(url).to.equal(`${BACK}?state=the-state`)
    expect(await isSignedIn(agent)).to.equal(false)
    expect(agent.cookie('ostiary_session')).to.equal(undefined)
  })

  it('does so for an app that names itself by client_id alone', async () => {
    const { agent } = await signIn(await rp())
    const page = await endSession(agent, { client_id: 'web', post_logout_redirect_uri: BACK })
    expect((await agent.submit(page, { logout: 'yes' })).url).to.equal(BACK)
  })

  it('ends on a page of ours where no address was given', async () => {
    const { agent, tokens } = await signIn(await rp())
    const page = await endSession(agent, hint(tokens))
    const done = await agent.submit(page, { logout: 'yes' })
    expect(view(done)).to.equal('logout-done')
    expect(await isSignedIn(agent)).to.equal(false)
  })

  it('"Stay signed in" keeps the session, and ends the app’s part in it', async () => {
    const { agent, tokens } = await signIn(await rp())
    const page = await endSession(agent, hint(tokens))
    await agent.submit(page, {}, 1)
    expect(await isSignedIn(agent)).to.equal(true)
  })

  it('refuses addresses that are not registered for the app, and redirects nowhere (3)', async () => {
    const { agent, tokens } = await signIn(await rp())
    const strange = [
      'https://evil.example/',
      `${BACK}/`,
      'http://localhost:9/other-out',
      'javascript:alert(1)',
    ]
    for (const post_logout_redirect_uri of strange) {
      const page = await endSession(agent, { ...hint(tokens), post_logout_redirect_uri })
      expect([page.status, view(page)], post_logout_redirect_uri).to.deep.equal([400, 'error'])
    }
    expect(await isSignedIn(agent)).to.equal(true)
  })

  it('does not follow an address that no app stands behind', async () => {
    const { agent } = await signIn(await rp())
    const address = new URL(`${app.issuer}/session/end`)
    address.searchParams.set('post_logout_redirect_uri', 'https://evil.example/')
    const page = await agent.get(address.href)
    const done = await agent.submit(page, { logout: 'yes' })
    expect(view(done)).to.equal('logout-done')
    expect(done.url).to.match(new RegExp(`^${app.issuer}/`))
  })

  it('refuses hints that are forged or for another app', async () => {
    const { agent, tokens } = await signIn(await rp())
    const [head, body] = String(tokens.id_token).split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    for (const id_token_hint of [`${head}.${body}.AAAA`, `${none}.${body}.`, 'nonsense']) {
      const page = await endSession(agent, { id_token_hint })
      expect([page.status, view(page)]).to.deep.equal([400, 'error'])
    }
    const mixed = await endSession(agent, { ...hint(tokens), client_id: 'other' })
    expect(mixed.status).to.equal(400)
  })

  it('takes an ID token as hint although it has expired (2)', async () => {
    const { agent, tokens } = await signIn(await rp())
    const realNow = Date.now
    try {
      Date.now = () => realNow() + 11 * 60_000
      expect(view(await endSession(agent, hint(tokens)))).to.equal('logout')
    } finally {
      Date.now = realNow
    }
  })

  it('takes "Sign out" only from its own page in this browser', async () => {
    const { agent } = await signIn(await rp())
    await endSession(agent)
    const confirm = `${app.issuer}/session/end/confirm`
    for (const xsrf of ['', 'guessed'])
      expect((await agent.post(confirm, { xsrf, logout: 'yes' })).status).to.equal(400)
    expect((await agent.get(confirm)).status).to.be.oneOf([404, 405])
    expect(await isSignedIn(agent)).to.equal(true)
  })

  it('ends what was issued in the session; what the person let live on, lives on (OIDC Core 11)', async () => {
    const config = await rp()
    const bound = await signIn(config)
    const page = await endSession(bound.agent, hint(bound.tokens))
    await bound.agent.submit(page, { logout: 'yes' })
    const { error } = await refusal(client.refreshTokenGrant(config, String(bound.tokens.refresh_token)))
    expect(error).to.equal('invalid_grant')
    expect((await client.tokenIntrospection(config, bound.tokens.access_token)).active).to.equal(false)

    const offline = await signIn(config, { scope: 'openid email offline_access', prompt: 'consent' })
    const again = await endSession(offline.agent, hint(offline.tokens))
    await offline.agent.submit(again, { logout: 'yes' })
    const renewed = await client.refreshTokenGrant(config, String(offline.tokens.refresh_token))
    expect(renewed.access_token).to.be.a('string')
  })

  it('leaves lasting access that came later in the same session, and ends what was bound to it', async () => {
    const config = await rp()
    const first = await signIn(config)
    const lasting = { scope: 'openid email offline_access', prompt: 'consent' }
    const second = await signIn(config, lasting, { agent: first.agent })
    const page = await endSession(first.agent, hint(first.tokens))
    await first.agent.submit(page, { logout: 'yes' })
    const { error } = await refusal(client.refreshTokenGrant(config, String(first.tokens.refresh_token)))
    expect(error).to.equal('invalid_grant')
    expect((await client.tokenIntrospection(config, first.tokens.access_token)).active).to.equal(false)
    const renewed = await client.refreshTokenGrant(config, String(second.tokens.refresh_token))
    expect(renewed.access_token).to.be.a('string')
  })

  it('is no second sign-in: the old cookie opens nothing afterwards', async () => {
    const { agent } = await signIn(await rp())
    const { url } = await begin(await rp(), { prompt: 'none' })
    const cookie = agent.cookieHeader(url.href)
    await agent.submit(await endSession(agent), { logout: 'yes' })
    const page = await newAgent().get(url.href, { cookie })
    expect(responseOf(page.url).error).to.equal('login_required')
  })

  it('leaves the person’s other browsers alone', async () => {
    const [here, there] = [await signIn(await rp()), await signIn(await rp())]
    await here.agent.submit(await endSession(here.agent), { logout: 'yes' })
    expect(await isSignedIn(here.agent)).to.equal(false)
    expect(await isSignedIn(there.agent)).to.equal(true)
  })

  it('everywhere ends the person’s other browsers and apps too, and nobody else’s', async () => {
    const config = await rp()
    const [here, there] = [await signIn(config), await signIn(await discover(app.issuer, 'other'))]
    const lasting = await signIn(config, { scope: 'openid offline_access', prompt: 'consent' })
    const done = await here.agent.submit(await endSession(here.agent), { logout: 'yes', everywhere: 'yes' })
    expect(view(done)).to.equal('logout-done')
    for (const { agent } of [here, there, lasting]) expect(await isSignedIn(agent)).to.equal(false)
    for (const { tokens } of [here, lasting]) {
      const { error } = await refusal(client.refreshTokenGrant(config, String(tokens.refresh_token)))
      expect(error).to.equal('invalid_grant')
    }
    const other = await discover(app.issuer, 'other')
    expect((await client.tokenIntrospection(other, there.tokens.access_token)).active).to.equal(false)
    expect(await isSignedIn((await signIn(config)).agent), 'signing in again is possible').to.equal(true)
    const records = await app.sql.query(
      `select user_id, outcome, detail, sealed is not null as located from audit_events where name = $1`,
      ['user.signed_out_everywhere'],
    )
    expect(records).to.deep.equal([
      { user_id: here.sub, outcome: 'success', detail: { by: 'self' }, located: true },
    ])
  })

  it('"Stay signed in" with the box ticked ends nothing', async () => {
    const [here, there] = [await signIn(await rp()), await signIn(await rp())]
    await here.agent.submit(await endSession(here.agent), { everywhere: 'yes' }, 1)
    expect(await isSignedIn(here.agent)).to.equal(true)
    expect(await isSignedIn(there.agent)).to.equal(true)
  })
})
