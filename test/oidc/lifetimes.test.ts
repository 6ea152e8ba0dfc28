/** How long a session and a refresh token live: unused, and in all. Both clocks are moved, ours and the database's. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { newAgent, onEveryStack, post, responseOf, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import type { UserAgent } from '../support/user-agent.ts'

const HOUR = 3600
const DAY = 24 * HOUR
const clients = [webClient(), webClient({ client_id: 'bound', dpop_bound_access_tokens: true })]
const settings = {
  SESSION_IDLE_HOURS: '2',
  SESSION_MAX_HOURS: '5',
  REMEMBER_IDLE_DAYS: '3',
  REMEMBER_MAX_DAYS: '7',
  REFRESH_IDLE_DAYS: '10',
  REFRESH_MAX_DAYS: '20',
}

onEveryStack('lifetimes', { settings, overrides: { clients } }, (app) => {
  const realNow = Date.now
  afterEach(() => {
    Date.now = realNow
  })
  /** The embedded database goes by our clock; for Postgres the rows grow older. */
  const later = async (seconds: number) => {
    const passed = seconds - (Date.now() - realNow()) / 1000
    Date.now = () => realNow() + seconds * 1000
    if (app.stack === 'pglite') return
    for (const table of ['oidc_sessions', 'oidc_session_families', 'oidc_refresh_tokens'])
      await app.sql.query(
        `update ${table} set expires_at = expires_at - make_interval(secs => $1) where expires_at > now()`,
        [passed],
      )
  }

  async function enter(remember: boolean): Promise<UserAgent> {
    const agent = newAgent()
    let page = await agent.get((await begin(await discover(app.issuer))).url.href)
    const fields = {
      identifier: 'jane@example.org',
      password: PASSWORD,
      ...(remember && { remember: 'yes' }),
    }
    page = await agent.submit(page, fields, '/sign-in')
    if (page.text.includes('class="view-consent"')) page = await agent.submit(page, {}, '/consent')
    expect(page.url).to.include('code=')
    return agent
  }
  const answer = async (agent: UserAgent) => {
    const { url } = await begin(await discover(app.issuer), { prompt: 'none' })
    const { code, error } = responseOf((await agent.get(url.href)).url)
    return code ? 'signed in' : error
  }
  const secondsLeft = async () => {
    const [row] = await app.sql.query<{ left: number }>(
      `select extract(epoch from expires_at - now())::float8 as left from oidc_sessions
       where account_id is not null and successor is null order by serial desc limit 1`,
    )
    return Number(row?.left)
  }
  const near = (seconds: number) => [seconds - 30, seconds + 30] as const

  it('of a session: unused, and in all however much it is used', async () => {
    const agent = await enter(false)
    expect(await secondsLeft()).to.be.within(...near(2 * HOUR))
    await later(1.5 * HOUR)
    expect(await answer(agent)).to.equal('signed in')
    await later(3 * HOUR)
    expect(await answer(agent), 'used meanwhile').to.equal('signed in')
    expect(await secondsLeft()).to.be.within(...near(2 * HOUR))
    await later(4.5 * HOUR)
    expect(await answer(agent)).to.equal('signed in')
    expect(await secondsLeft(), 'what is left of the whole').to.be.within(...near(0.5 * HOUR))
    await later(5.1 * HOUR)
    expect(await answer(agent)).to.equal('login_required')
  })

  it('of a session nobody uses', async () => {
    const agent = await enter(false)
    await later(2.1 * HOUR)
    expect(await answer(agent)).to.equal('login_required')
  })

  it('of a session with "keep me signed in": longer, on the same terms', async () => {
    const agent = await enter(true)
    expect(await secondsLeft()).to.be.within(...near(3 * DAY))
    await later(2.5 * DAY)
    expect(await answer(agent)).to.equal('signed in')
    await later(5 * DAY)
    expect(await answer(agent)).to.equal('signed in')
    expect(await secondsLeft()).to.be.within(...near(2 * DAY))
    await later(7.1 * DAY)
    expect(await answer(agent)).to.equal('login_required')
  })

  const refreshTokenLeft = async (token: string) => {
    const payload = await app.app.storage.artifacts.find('RefreshToken', token)
    return Number(payload?.exp) - Math.floor(Date.now() / 1000)
  }

  it('of a refresh token: unused, and in all with its successors', async () => {
    const { tokens } = await signIn(await discover(app.issuer), {
      scope: 'openid offline_access',
      prompt: 'consent',
    })
    expect(await refreshTokenLeft(String(tokens.refresh_token))).to.be.within(...near(10 * DAY))
    const use = async (token: string) =>
      (
        await post(
          `${app.issuer}/token`,
          { grant_type: 'refresh_token', refresh_token: token },
          { basic: ['web', RP_SECRET] },
        )
      ).json
    await later(8 * DAY)
    const next = await use(String(tokens.refresh_token))
    expect(next.refresh_token, 'renewed late in its life').to.not.equal(tokens.refresh_token)
    expect(await refreshTokenLeft(next.refresh_token)).to.be.within(...near(10 * DAY))
    await later(16 * DAY)
    const last = await use(next.refresh_token)
    expect(await refreshTokenLeft(last.refresh_token)).to.be.within(...near(4 * DAY))
    await later(20.1 * DAY)
    expect((await use(last.refresh_token)).error).to.equal('invalid_grant')
  })

  it('of a refresh token of a confidential client bound to a key: never replaced (FAPI 2.0 5.3.2.1)', async () => {
    const { publicKey, privateKey } = await generateKeyPair('ES256')
    const jwk = await exportJWK(publicKey)
    const token = async (form: Record<string, string>) => {
      const dpop = await new SignJWT({ jti: randomUUID(), htm: 'POST', htu: `${app.issuer}/token` })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt(Math.floor(Date.now() / 1000))
        .sign(privateKey)
      return post(`${app.issuer}/token`, form, { basic: ['bound', RP_SECRET], headers: { dpop } })
    }
    const agent = newAgent()
    const lasting = { scope: 'openid offline_access', prompt: 'consent' }
    const started = await begin(await discover(app.issuer, 'bound'), lasting)
    let page = await agent.get(started.url.href)
    page = await agent.submit(page, { identifier: 'jane@example.org', password: PASSWORD }, '/sign-in')
    page = await agent.submit(page, {}, '/consent')
    const first = await token({
      grant_type: 'authorization_code',
      code: String(responseOf(page.url).code),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
    })
    expect(first.status, first.text).to.equal(200)
    const { refresh_token } = first.json
    expect(await refreshTokenLeft(refresh_token), 'it need not be renewed').to.be.within(...near(20 * DAY))
    for (const age of [1, 9, 15, 19]) {
      await later(age * DAY)
      const { status, json } = await token({ grant_type: 'refresh_token', refresh_token })
      expect([status, json.refresh_token], `${age} days: ${JSON.stringify(json)}`).to.deep.equal([
        200,
        refresh_token,
      ])
    }
    await later(20.1 * DAY)
    expect((await token({ grant_type: 'refresh_token', refresh_token })).json.error).to.equal('invalid_grant')
  })
})
