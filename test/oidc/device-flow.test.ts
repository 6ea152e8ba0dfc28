import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  type SendOptions,
} from '../support/protocol.ts'
import { discover, PASSWORD, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const tv = (more: Record<string, unknown> = {}) =>
  publicClient({
    client_id: 'tv',
    client_name: 'Living-room television',
    grant_types: [DEVICE_CODE, 'refresh_token'],
    response_types: [],
    redirect_uris: [],
    ...more,
  })
const clients = [tv(), tv({ client_id: 'other-tv' }), webClient()]

onEveryStack('device flow', { overrides: { clients, limits: { userCodeNetwork: 1000 } } }, (app) => {
  const begin = async () =>
    client.initiateDeviceAuthorization(await discoverPublic(app.issuer, 'tv'), { scope: 'openid email' })
  const poll = (deviceCode: string, id = 'tv', options?: SendOptions) =>
    post(`${app.issuer}/token`, { grant_type: DEVICE_CODE, device_code: deviceCode, client_id: id }, options)
  const verdict = async (deviceCode: string, id?: string) => {
    const { status, json } = await poll(deviceCode, id)
    return [status, json.error]
  }

  /** Types the code at the verification page. */
  async function type(agent: UserAgent, userCode: string): Promise<Page> {
    return agent.submit(await agent.get(`${app.issuer}/device`), { user_code: userCode })
  }

  /** "Yes, connect it", then sign in and consent as far as asked for. */
  async function approve(agent: UserAgent, confirm: Page): Promise<Page> {
    expect(confirm.text).to.include('class="view-device-confirm"')
    let page = await agent.submit(confirm)
    if (page.text.includes('class="view-sign-in"'))
      page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    if (page.text.includes('class="view-consent"')) page = await agent.submit(page, {}, '/consent')
    return page
  }

  it('starts with two codes and an address (RFC 8628 3.2)', async () => {
    const started = await begin()
    expect(started.user_code).to.match(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
    expect(started.verification_uri).to.equal(`${app.issuer}/device`)
    expect(started.verification_uri_complete).to.equal(`${app.issuer}/device?user_code=${started.user_code}`)
    expect(started.expires_in).to.equal(600)
    expect(started.interval).to.equal(5)
    expect(started.device_code).to.match(/^[\w-]{43}$/)
  })

  it('lets the device wait until the person has approved, then gives it tokens once (RFC 8628 3.5)', async () => {
    const rp = await discoverPublic(app.issuer, 'tv')
    const { device_code, user_code } = await begin()
    expect(await verdict(device_code)).to.deep.equal([400, 'authorization_pending'])
    const agent = newAgent()
    const confirm = await type(agent, user_code)
    expect(confirm.text).to.include('Living-room television').and.to.include(user_code)
    const [status, error] = await verdict(device_code)
    expect(status, 'a code typed is no approval').to.equal(400)
    expect(error).to.be.oneOf(['authorization_pending', 'slow_down'])
    const done = await approve(agent, confirm)
    expect(done.text).to.include('class="view-device-done"').and.to.include('Living-room television')
    const started = { device_code, user_code, verification_uri: '', expires_in: 600, interval: 0.01 }
    const tokens = await client.pollDeviceAuthorizationGrant(rp, started)
    const sub = String(tokens.claims()?.sub)
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.include({ email: JANE.email })
    expect(tokens.refresh_token).to.be.a('string')
    expect(await verdict(device_code), 'the second time').to.deep.equal([400, 'invalid_grant'])
  })

  it('slows down a device that asks too often, and one of many at the same moment waits in time (RFC 8628 3.5)', async () => {
    const { device_code } = await begin()
    const answers = await Promise.all(Array.from({ length: 8 }, () => verdict(device_code)))
    expect(answers.filter(([, error]) => error === 'authorization_pending')).to.have.length(1)
    expect(answers.filter(([, error]) => error === 'slow_down')).to.have.length(7)
    expect(await verdict((await begin()).device_code), 'another device waits by itself').to.deep.equal([
      400,
      'authorization_pending',
    ])
    // Not an oracle, and nobody else's brake: who may not have the code learns and changes nothing.
    expect(await verdict(device_code, 'other-tv')).to.deep.equal([400, 'invalid_grant'])
  })

  it('is understood by openid-client, which then asks five seconds later, and has its tokens', async function () {
    this.timeout(30_000)
    const rp = await discoverPublic(app.issuer, 'tv')
    const answers: { at: number; error: string | undefined }[] = []
    rp[client.customFetch] = async (url, init) => {
      const response = await fetch(url, init as RequestInit)
      const { error } = (await response.clone().json()) as { error?: string }
      if (url.endsWith('/token')) answers.push({ at: performance.now(), error })
      if (error === 'slow_down') await approve(agent, await type(agent, started.user_code))
      return response
    }
    const agent = newAgent()
    const started = await client.initiateDeviceAuthorization(rp, { scope: 'openid' })
    // As the server said, this would be 5 and never too soon.
    expect(started.interval).to.equal(5)
    const tokens = await client.pollDeviceAuthorizationGrant(rp, { ...started, interval: 0.5 })
    expect(tokens.id_token).to.be.a('string')
    expect(answers.map(({ error }) => error)).to.deep.equal(['authorization_pending', 'slow_down', undefined])
    expect(Number(answers[2]?.at) - Number(answers[1]?.at)).to.be.at.least(5000)
  })

  it('leads through a registered but not yet signed-in browser, and a signed-in one, alike', async () => {
    const agent = newAgent()
    for (let round = 0; round < 2; round += 1) {
      const { device_code, user_code } = await begin()
      const done = await approve(agent, await type(agent, user_code))
      expect(done.text).to.include('class="view-device-done"')
      expect((await poll(device_code)).status).to.equal(200)
    }
  })

  it('reads the code as people type it (RFC 8628 6.1)', async () => {
    const { user_code } = await begin()
    for (const typed of [
      user_code.toLowerCase(),
      user_code.replace('-', ''),
      ` ${user_code.replace('-', ' ')} `,
    ])
      expect((await type(newAgent(), typed)).text, typed).to.include('class="view-device-confirm"')
  })

  it('says so when the code is wrong or empty, and tells nothing else', async () => {
    const agent = newAgent()
    for (const typed of ['BBBB-BBBB', 'nonsense', "'--", '💥']) {
      const page = await type(agent, typed)
      expect(page.status, typed).to.equal(422)
      expect(page.text).to.include('class="view-device-code"').and.to.include('This code is not right')
    }
    expect((await type(agent, '')).text).to.include('Enter the code shown on your device')
  })

  it('fills the code in from the complete address, and still asks (RFC 8628 3.3.1)', async () => {
    const { device_code, verification_uri_complete } = await begin()
    const agent = newAgent()
    const filled = await agent.get(String(verification_uri_complete))
    const confirm = await agent.submit(filled)
    expect(confirm.text).to.include('class="view-device-confirm"')
    expect(await verdict(device_code)).to.deep.equal([400, 'authorization_pending'])
  })

  it('tells the device when the person denies at the confirmation (RFC 8628 3.5)', async () => {
    const { device_code, user_code } = await begin()
    const agent = newAgent()
    const page = await agent.submit(await type(agent, user_code), { abort: 'yes' })
    expect(page.text).to.include('class="view-device-done"').and.to.include('Access denied')
    expect(await verdict(device_code)).to.deep.equal([400, 'access_denied'])
  })

  it('tells the device when the person gives up at the sign-in', async () => {
    const { device_code, user_code } = await begin()
    const agent = newAgent()
    const signIn = await agent.submit(await type(agent, user_code))
    const page = await agent.submit(signIn, {}, '/abort')
    expect(page.text).to.include('class="view-device-done"').and.to.include('Access denied')
    expect(await verdict(device_code)).to.deep.equal([400, 'access_denied'])
  })

  it('takes a user code once', async () => {
    const { user_code } = await begin()
    const agent = newAgent()
    await approve(agent, await type(agent, user_code))
    for (const browser of [agent, newAgent()])
      expect((await type(browser, user_code)).text).to.include('This code is not right')
  })

  it('tells the device that its code has expired (RFC 8628 3.5)', async () => {
    const { device_code, user_code } = await begin()
    const { artifacts } = app.app.storage
    const payload = await artifacts.find('DeviceCode', device_code)
    // What is in the store ten minutes later: the row as the engine wrote it, and the clock past its end.
    const late = { ...payload, exp: Math.floor(Date.now() / 1000) - 1 }
    await artifacts.upsert('DeviceCode', device_code, late, 60)
    expect(await verdict(device_code)).to.deep.equal([400, 'expired_token'])
    expect((await type(newAgent(), user_code)).text).to.include('no longer valid')
  })

  it('keeps a code long enough to say so, and not for ever', async () => {
    await begin()
    const [row] = await app.sql.query<{ seconds: number }>(
      `select extract(epoch from max(expires_at) - now())::int as seconds from oidc_device_codes`,
    )
    expect(row?.seconds).to.be.within(601, 3600)
  })

  it('gives a device code only to the client it was issued to', async () => {
    const { device_code, user_code } = await begin()
    const agent = newAgent()
    await approve(agent, await type(agent, user_code))
    expect(await verdict(device_code, 'other-tv')).to.deep.equal([400, 'invalid_grant'])
    expect((await poll(device_code)).status).to.equal(200)
  })

  it('gives tokens to one of five polls at the same moment at most (invariant I1)', async () => {
    const { device_code, user_code } = await begin()
    const agent = newAgent()
    await approve(agent, await type(agent, user_code))
    const answers = await Promise.all([1, 2, 3, 4, 5].map(() => poll(device_code)))
    expect(answers.filter(({ status }) => status === 200).length).to.be.at.most(1)
  })

  it('refuses clients that are not registered for it, and codes nobody issued', async () => {
    const { error } = await refusal(
      client.initiateDeviceAuthorization(await discover(app.issuer), { scope: 'openid' }),
    )
    expect(error).to.be.oneOf(['unauthorized_client', 'invalid_request'])
    const byWeb = await poll('made-up', 'web', { basic: ['web', RP_SECRET] })
    expect(byWeb.json.error).to.be.oneOf(['unauthorized_client', 'invalid_request'])
    expect(await verdict('made-up')).to.deep.equal([400, 'invalid_grant'])
  })

  it('takes no form that another site posts', async () => {
    const { device_code, user_code } = await begin()
    const agent = newAgent()
    const confirm = await type(agent, user_code)
    for (const xsrf of ['', 'guessed'])
      await agent.post(`${app.issuer}/device`, { user_code, confirm: 'yes', xsrf })
    expect(confirm.status).to.equal(200)
    expect(await verdict(device_code)).to.deep.equal([400, 'authorization_pending'])
    const [entry] = (await get(`${app.issuer}/device`)).headers.getSetCookie()
    expect(entry).to.match(/samesite=lax/i)
  })

  it('works the same for oauth4webapi', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const me: oauth.Client = { client_id: 'tv' }
    const request = await oauth.deviceAuthorizationRequest(as, me, oauth.None(), { scope: 'openid' }, options)
    const started = await oauth.processDeviceAuthorizationResponse(as, me, request)
    const ask = async () =>
      oauth.processDeviceCodeResponse(
        as,
        me,
        await oauth.deviceCodeGrantRequest(as, me, oauth.None(), started.device_code, options),
      )
    expect((await refusal(ask())).error).to.equal('authorization_pending')
    const agent = newAgent()
    await approve(agent, await type(agent, started.user_code))
    expect((await ask()).id_token).to.be.a('string')
  })
})

describe('a device code that somebody sent (RFC 8628 5.4)', () => {
  it('is told apart: from where it was asked, and whether that is another network', async () => {
    // Each of them as the proxy in front would name them.
    const running = await startApp({
      settings: { TRUSTED_PROXIES: '127.0.0.1,::1' },
      overrides: { clients },
    })
    try {
      const from = (ip: string) => ({ headers: { 'x-forwarded-for': ip, 'user-agent': `device at ${ip}` } })
      const confirmed = async (device: string, browser: string) => {
        const form = { client_id: 'tv', scope: 'openid' }
        const { json } = await post(`${running.issuer}/device/auth`, form, from(device))
        const agent = new UserAgent((url, init) =>
          fetch(url, { ...init, headers: { ...init.headers, 'x-forwarded-for': browser } }),
        )
        const { text } = await agent.submit(await agent.get(json.verification_uri_complete))
        expect(text).to.include(device).and.include(`device at ${device}`).and.include(json.user_code)
        return text.includes('another network than yours')
      }
      expect(await confirmed('203.0.113.9', '203.0.113.9')).to.equal(false)
      expect(await confirmed('203.0.113.9', '198.51.100.7')).to.equal(true)
      expect(await confirmed('2001:db8:0:1::5', '2001:db8:0:1:ff::7'), 'one /64').to.equal(false)
      expect(await confirmed('2001:db8:0:1::5', '2001:db8:0:2::5')).to.equal(true)
      expect(await confirmed('203.0.113.9', '2001:db8:0:1::5'), 'who knows').to.equal(false)
    } finally {
      await running.close()
    }
  })
})
