import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  onEveryStack,
  post,
  refusal,
  type SendOptions,
  signIn,
  type Tokens,
} from '../support/protocol.ts'
import { discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const clients = [webClient(), publicClient(), publicClient({ client_id: 'other-spa' })]
const SCOPE = { scope: 'openid email profile' }

onEveryStack('refresh tokens', { overrides: { clients } }, (app) => {
  const refreshOf = (tokens: { refresh_token?: string }) => String(tokens.refresh_token)
  const alive = async (tokens: { access_token: string }) =>
    (await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status === 200

  const newSpa = async () => {
    const rp = await discoverPublic(app.issuer)
    return { rp, ...(await signIn(rp, SCOPE)) }
  }
  const newWeb = async () => {
    const rp = await discover(app.issuer)
    return { rp, ...(await signIn(rp, SCOPE)) }
  }
  const raw = (refresh_token: string, more: Record<string, string>, options?: SendOptions) =>
    post(`${app.issuer}/token`, { grant_type: 'refresh_token', refresh_token, ...more }, options)

  it('rotates those of public clients at every use (RFC 9700 4.14.2)', async () => {
    const { rp, tokens } = await newSpa()
    const second = await client.refreshTokenGrant(rp, refreshOf(tokens))
    const third = await client.refreshTokenGrant(rp, refreshOf(second))
    const all = [tokens, second, third]
    expect(new Set(all.map(refreshOf)).size).to.equal(3)
    expect(new Set(all.map(({ access_token }) => access_token)).size).to.equal(3)
    expect(await Promise.all(all.map(alive))).to.deep.equal([true, true, true])
  })

  /** Moves the moment at which the used ones were used. */
  const later = async (seconds: number) => {
    await app.sql.query(
      `update oidc_refresh_tokens set consumed_at = consumed_at - interval '${seconds} seconds'
       where consumed_at is not null`,
    )
  }

  it('ends the whole family when a used one comes back after its window (RFC 9700 4.14.2)', async () => {
    const { rp, tokens } = await newSpa()
    const second = await client.refreshTokenGrant(rp, refreshOf(tokens))
    const third = await client.refreshTokenGrant(rp, refreshOf(second))
    await later(11)
    const replay = await refusal(client.refreshTokenGrant(rp, refreshOf(tokens)))
    expect(replay.error).to.equal('invalid_grant')
    const newest = await refusal(client.refreshTokenGrant(rp, refreshOf(third)))
    expect(newest.error).to.equal('invalid_grant')
    expect(await Promise.all([tokens, second, third].map(alive))).to.deep.equal([false, false, false])
  })

  it('leaves other families of the same person and app alone when one ends', async () => {
    const [one, other] = [await newSpa(), await newSpa()]
    await client.refreshTokenGrant(one.rp, refreshOf(one.tokens))
    await later(11)
    await refusal(client.refreshTokenGrant(one.rp, refreshOf(one.tokens)))
    expect(await alive(other.tokens)).to.equal(true)
    const next = await client.refreshTokenGrant(other.rp, refreshOf(other.tokens))
    expect(next.refresh_token).to.be.a('string')
  })

  it('gives all who use one at the same moment the same successor, and only one (invariant I1)', async () => {
    const { tokens } = await newSpa()
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => raw(refreshOf(tokens), { client_id: 'spa' })),
    )
    expect(answers.map(({ status }) => status)).to.deep.equal(Array(20).fill(200))
    const successors = new Set(answers.map(({ json }) => json.refresh_token))
    expect(successors.size).to.equal(1)
    expect(successors.has(tokens.refresh_token)).to.equal(false)
    const all = await Promise.all(answers.map(({ json }) => alive(json as { access_token: string })))
    expect(all).to.deep.equal(Array(20).fill(true))
    const next = await raw(String([...successors][0]), { client_id: 'spa' })
    expect(next.status).to.equal(200)
    const live = await app.sql.query(`select count(*)::int as n from oidc_refresh_tokens
      where consumed_at is null and grant_id = (select grant_id from oidc_refresh_tokens order by created_at desc limit 1)`)
    expect(live).to.deep.equal([{ n: 1 }])
  })

  it('answers a lost answer’s retry within 10 seconds of the first use, however often: the window stays', async () => {
    const { tokens } = await newSpa()
    const use = () => raw(refreshOf(tokens), { client_id: 'spa' })
    const first = await use()
    await later(6)
    const second = await use()
    expect(second.json.refresh_token).to.equal(first.json.refresh_token)
    await later(5)
    const third = await use()
    expect([third.status, third.json.error]).to.deep.equal([400, 'invalid_grant'])
    const family = await raw(String(first.json.refresh_token), { client_id: 'spa' })
    expect([family.status, family.json.error]).to.deep.equal([400, 'invalid_grant'])
  })

  it('uses nothing up by a refusal, which brings no successor', async () => {
    const { tokens } = await newSpa()
    const resource = 'https://unknown.example'
    const refused = await raw(refreshOf(tokens), { client_id: 'spa', resource })
    expect([refused.status, refused.json.error]).to.deep.equal([400, 'invalid_target'])
    await later(11)
    const next = await raw(refreshOf(tokens), { client_id: 'spa' })
    expect(next.status, next.text).to.equal(200)
    expect(next.json.refresh_token).to.not.equal(tokens.refresh_token)
  })

  it('tells the successor to nobody but the client it belongs to, and keeps it sealed', async () => {
    const { tokens } = await newSpa()
    const first = await raw(refreshOf(tokens), { client_id: 'spa' })
    const stolen = await raw(refreshOf(tokens), { client_id: 'other-spa' })
    expect([stolen.status, stolen.json.error]).to.deep.equal([400, 'invalid_grant'])
    expect(JSON.stringify(stolen.json)).to.not.contain(String(first.json.refresh_token))
    const rows = (await app.sql.dump()).filter((row) => row.includes(String(first.json.refresh_token)))
    expect(rows).to.deep.equal([])
  })

  it('keeps those of confidential clients, which prove who they are at every use', async () => {
    const { rp, tokens } = await newWeb()
    for (let use = 0; use < 3; use += 1) {
      const next = await client.refreshTokenGrant(rp, refreshOf(tokens))
      expect(next.refresh_token).to.equal(tokens.refresh_token)
      expect(await alive(next)).to.equal(true)
    }
  })

  it('rotates those of confidential clients late in their life', async () => {
    const { rp, tokens } = await newWeb()
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('RefreshToken', refreshOf(tokens))
    const day = 24 * 3600
    const now = Math.floor(Date.now() / 1000)
    const aged = { ...payload, iat: now - 25 * day, iiat: now - 25 * day, exp: now + 5 * day }
    await artifacts.upsert('RefreshToken', refreshOf(tokens), aged, 5 * day)
    const next = await client.refreshTokenGrant(rp, refreshOf(tokens))
    expect(next.refresh_token).to.be.a('string').and.not.equal(tokens.refresh_token)
    const successor = await artifacts.find('RefreshToken', refreshOf(next))
    expect(Number(successor?.exp) - now, 'at most 30 days unused').to.be.within(30 * day - 5, 30 * day + 5)
  })

  it('ends a family for good 90 days after the sign-in, however often it was renewed', async () => {
    const { rp, tokens } = await newSpa()
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('RefreshToken', refreshOf(tokens))
    const day = 24 * 3600
    const now = Math.floor(Date.now() / 1000)
    const old = { ...payload, iiat: now - 89 * day }
    await artifacts.upsert('RefreshToken', refreshOf(tokens), old, 5 * day)
    const next = await client.refreshTokenGrant(rp, refreshOf(tokens))
    const successor = await artifacts.find('RefreshToken', refreshOf(next))
    expect(Number(successor?.exp) - now).to.be.within(day - 5, day + 5)
  })

  it('belongs to one client: in another’s hands it is worth nothing, and stays alive (RFC 6749 10.4)', async () => {
    const { rp, tokens } = await newSpa()
    const stolen = await raw(refreshOf(tokens), { client_id: 'other-spa' })
    expect([stolen.status, stolen.json.error]).to.deep.equal([400, 'invalid_grant'])
    const byWeb = await raw(refreshOf(tokens), {}, { basic: ['web', RP_SECRET] })
    expect([byWeb.status, byWeb.json.error]).to.deep.equal([400, 'invalid_grant'])
    expect((await client.refreshTokenGrant(rp, refreshOf(tokens))).access_token).to.be.a('string')
  })

  it('wants the confidential client’s secret (RFC 6749 6)', async () => {
    const { tokens } = await newWeb()
    const wrong = await raw(refreshOf(tokens), {}, { basic: ['web', 'x'.repeat(40)] })
    expect([wrong.status, wrong.json.error]).to.deep.equal([401, 'invalid_client'])
    const none = await raw(refreshOf(tokens), { client_id: 'web' })
    expect([none.status, none.json.error]).to.deep.equal([401, 'invalid_client'])
  })

  it('narrows the scope for one access token, not for good (RFC 6749 6)', async () => {
    const { rp, tokens, sub } = await newWeb()
    const narrow = await client.refreshTokenGrant(rp, refreshOf(tokens), { scope: 'openid' })
    expect(narrow.scope).to.equal('openid')
    expect(await client.fetchUserInfo(rp, narrow.access_token, sub)).to.deep.equal({ sub })
    const whole = await client.refreshTokenGrant(rp, refreshOf(tokens))
    expect(whole.scope).to.equal(SCOPE.scope)
    const info = await client.fetchUserInfo(rp, whole.access_token, sub)
    expect(info.email).to.equal('jane@example.org')
  })

  it('never widens it (RFC 6749 6)', async () => {
    const { rp, tokens } = await newWeb()
    for (const scope of ['openid email phone', 'openid offline_access', 'openid email profile made-up']) {
      const { error } = await refusal(client.refreshTokenGrant(rp, refreshOf(tokens), { scope }))
      expect(error, scope).to.equal('invalid_scope')
    }
    expect((await client.refreshTokenGrant(rp, refreshOf(tokens))).scope).to.equal(SCOPE.scope)
  })

  it('brings an ID token of the same sign-in (OIDC Core 12.2)', async () => {
    const { rp, tokens } = await newSpa()
    const first = tokens.claims()
    const second = ((await client.refreshTokenGrant(rp, refreshOf(tokens))) as Tokens).claims()
    for (const claim of ['iss', 'sub', 'aud', 'auth_time', 'acr'] as const)
      expect(second?.[claim], claim).to.deep.equal(first?.[claim])
    expect(second?.amr).to.deep.equal(['pwd'])
  })

  it('works the same for oauth4webapi', async () => {
    const { tokens } = await newSpa()
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const spa: oauth.Client = { client_id: 'spa' }
    const use = async (token: string) =>
      oauth.processRefreshTokenResponse(
        as,
        spa,
        await oauth.refreshTokenGrantRequest(as, spa, oauth.None(), token, options),
      )
    const next = await use(refreshOf(tokens))
    expect(next.refresh_token).to.be.a('string').and.not.equal(tokens.refresh_token)
    expect((await use(refreshOf(tokens))).refresh_token).to.equal(next.refresh_token)
    await later(11)
    expect((await refusal(use(refreshOf(tokens)))).error).to.equal('invalid_grant')
  })
})
