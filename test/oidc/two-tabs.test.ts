/** One browser, several requests at once: nothing of one is lost by another, and nobody is signed out by chance. */
import { expect } from 'chai'
import { refreshTokenGrant } from 'openid-client'
import { discoverPublic, get, newAgent, onEveryStack, responseOf, signIn } from '../support/protocol.ts'
import { begin, exchange, publicClient } from '../support/relying-party.ts'
import type { UserAgent } from '../support/user-agent.ts'

const APPS = ['one', 'two', 'three', 'four', 'five']
// The operator's own: no question stands between a signed-in person and a code.
const clients = [
  ...APPS.map((client_id) => publicClient({ client_id, first_party: true })),
  publicClient({ client_id: 'asking' }),
]

onEveryStack('two tabs', { overrides: { clients } }, (app) => {
  const rp = (id: string) => discoverPublic(app.issuer, id)
  const session = (agent: UserAgent) => agent.cookie('ostiary_session')
  /** The same browser as it was a moment ago: what another tab still sends. */
  const copyOf = (agent: UserAgent) => {
    const copy = newAgent()
    copy.takeCookies(agent)
    return copy
  }
  const silent = async (agent: UserAgent, id: string) => {
    const started = await begin(await rp(id), { prompt: 'none' })
    return { started, page: await agent.get(started.url.href) }
  }

  it('signs in to five apps at once, and every code is good', async () => {
    const { agent } = await signIn(await rp('one'))
    const tabs = await Promise.all(
      APPS.slice(1).map(async (id) => ({ id, ...(await silent(copyOf(agent), id)) })),
    )
    for (const { id, started, page } of tabs) {
      const tokens = await exchange(await rp(id), page.url, started)
      expect(tokens.refresh_token, id).to.be.a('string')
    }
    const [family] = await app.sql.query<{ authorizations: object }>(
      'select authorizations from oidc_session_families',
    )
    expect(Object.keys(family?.authorizations ?? {}).sort()).to.deep.equal([...APPS].sort())
  })

  it('signs in to one app in five tabs at once, and what each of them gets is good', async () => {
    const { agent } = await signIn(await rp('one'))
    const two = await rp('two')
    const grants = async () =>
      (await app.sql.query("select 1 from oidc_grants where client_id = 'two'")).length
    const before = await grants()
    const tabs = await Promise.all(Array.from({ length: 5 }, () => silent(copyOf(agent), 'two')))
    for (const { started, page } of tabs) {
      const tokens = await exchange(two, page.url, started)
      const { status } = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })
      expect(status).to.equal(200)
      await refreshTokenGrant(two, String(tokens.refresh_token))
    }
    expect(await grants(), 'one Grant per session and client').to.equal(before + 1)
  })

  it('keeps what one tab got when the person allows the same app in another, whose page was open before', async () => {
    const asking = await rp('asking')
    const { agent } = await signIn(await rp('one'))
    const open = async () => {
      const started = await begin(asking)
      return { started, page: await agent.get(started.url.href) }
    }
    const tabs = [await open(), await open()]
    const brought: { access_token: string; refresh_token?: string }[] = []
    for (const { started, page } of tabs) {
      const done = await agent.submit(page, {}, '/consent')
      brought.push(await exchange(asking, done.url, started))
    }
    for (const { access_token, refresh_token } of brought) {
      expect((await get(`${app.issuer}/userinfo`, { bearer: access_token })).status).to.equal(200)
      await refreshTokenGrant(asking, String(refresh_token))
    }
  })

  it('answers a tab that still sends the old id of the same sign-in, and gives it the new one', async () => {
    const { agent } = await signIn(await rp('one'))
    const before = copyOf(agent)
    // A page of ours in between changes the id of the session.
    await signIn(await rp('two'), { prompt: 'consent' }, { agent })
    expect(session(agent)).to.not.equal(session(before))
    const late = await silent(before, 'three')
    expect(responseOf(late.page.url).error).to.equal(undefined)
    await exchange(await rp('three'), late.page.url, late.started)
    expect(session(before), 'continues under the new id').to.equal(session(agent))
  })

  it('sends no id the browser has already, which would come late and replace what another tab was given', async () => {
    const { agent } = await signIn(await rp('one'))
    const { url } = await begin(await rp('two'), { prompt: 'none' })
    const { headers } = await get(url.href, { headers: { cookie: agent.cookieHeader(url.href) } })
    expect(responseOf(String(headers.get('location'))).code).to.be.a('string')
    expect(headers.getSetCookie()).to.deep.equal([])
  })

  it('refuses the old id a quarter of a minute later', async () => {
    const { agent } = await signIn(await rp('one'))
    const before = copyOf(agent)
    await signIn(await rp('two'), { prompt: 'consent' }, { agent })
    await app.sql.query(`update oidc_sessions set expires_at = expires_at - interval '16 seconds'
      where successor is not null`)
    const late = await silent(before, 'three')
    expect(responseOf(late.page.url).error).to.equal('login_required')
  })

  it('never leads an id from before a sign-in, or from before another proof, to what came after', async () => {
    const agent = newAgent()
    const started = await begin(await rp('one'), {})
    await agent.get(started.url.href)
    const anonymous = copyOf(agent)
    const signedIn = await signIn(await rp('one'), {}, { agent })
    const planted = await silent(anonymous, 'two')
    expect(responseOf(planted.page.url).error).to.equal('login_required')
    const before = copyOf(signedIn.agent)
    await new Promise((resolve) => setTimeout(resolve, 1100))
    await signIn(await rp('one'), { prompt: 'login' }, { agent: signedIn.agent })
    const old = await silent(before, 'two')
    expect(responseOf(old.page.url).error, 'signed in anew: the old id is dead').to.equal('login_required')
  })

  it('answers login_required, with no code, when the session ends while a code is made for it', async () => {
    const { agent } = await signIn(await rp('one'))
    const outcomes = await Promise.all([
      ...Array.from({ length: 8 }, () => silent(copyOf(agent), 'two')),
      app.sql.query(`update oidc_session_families set ended_at = now() where ended_at is null`),
    ])
    for (const outcome of outcomes.slice(0, 8)) {
      const { page } = outcome as Awaited<ReturnType<typeof silent>>
      const { code, error } = responseOf(page.url)
      expect(code === undefined, page.url).to.equal(error === 'login_required')
    }
    const after = await silent(agent, 'two')
    expect(responseOf(after.page.url).error).to.equal('login_required')
  })
})
