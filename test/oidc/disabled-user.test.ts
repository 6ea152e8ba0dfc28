import { expect } from 'chai'
import * as client from 'openid-client'
import {
  discoverPublic,
  get,
  JANE,
  newAgent,
  onEveryStack,
  post,
  refusal,
  responseOf,
  signIn,
} from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  PASSWORD,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'

const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const clients = [
  webClient(),
  publicClient(),
  webClient({ client_id: 'ours', first_party: true }),
  publicClient({ client_id: 'tv', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] }),
]
const people = [JANE, { email: 'john@example.org' }]

onEveryStack('a disabled account', { overrides: { clients }, people }, (app) => {
  const setStatus = (status: 'active' | 'disabled') =>
    app.sql.query('update users set status = $1 where email = $2', [status, JANE.email])
  afterEach(() => setStatus('active'))

  it('gets no token by refresh, neither public nor confidential', async () => {
    for (const rp of [await discover(app.issuer), await discoverPublic(app.issuer)]) {
      const { tokens } = await signIn(rp)
      await setStatus('disabled')
      const { error } = await refusal(client.refreshTokenGrant(rp, String(tokens.refresh_token)))
      expect(error).to.equal('invalid_grant')
      await setStatus('active')
    }
  })

  it('gets nothing told at userinfo', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    await setStatus('disabled')
    const { status, json, headers } = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })
    expect([status, json.error]).to.deep.equal([401, 'invalid_token'])
    expect(headers.get('www-authenticate')).to.include('invalid_token')
    expect(json).to.not.have.any.keys('sub', 'email')
  })

  it('is not known at introspection, and neither is its token', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp)
    await setStatus('disabled')
    for (const token of [tokens.access_token, String(tokens.refresh_token)])
      expect(await client.tokenIntrospection(rp, token)).to.deep.equal({ active: false })
  })

  it('gets nothing for a code it had in hand', async () => {
    const started = await begin(await discover(app.issuer))
    const { url } = await walk(newAgent(), started.url, JANE)
    await setStatus('disabled')
    const form = {
      grant_type: 'authorization_code',
      code: String(responseOf(url).code),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
    }
    const { status, json } = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect([status, json.error]).to.deep.equal([400, 'invalid_grant'])
  })

  it('gets no code from a session that still stands, not even from the operator’s own app', async () => {
    const { agent } = await signIn(await discover(app.issuer))
    await setStatus('disabled')
    for (const id of ['web', 'ours']) {
      const silent = await begin(await discover(app.issuer, id), { prompt: 'none' })
      expect(responseOf((await agent.get(silent.url.href)).url).error, id).to.equal('login_required')
      const { url } = await begin(await discover(app.issuer, id))
      expect((await agent.get(url.href)).text, id).to.include('class="view-sign-in"')
    }
  })

  it('does not sign in with its right password, and is told no more than anybody', async () => {
    await setStatus('disabled')
    const { url } = await begin(await discover(app.issuer))
    const agent = newAgent()
    const page = await agent.get(url.href)
    const right = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    const nobody = await agent.submit(
      page,
      { identifier: 'nobody@example.org', password: PASSWORD },
      '/sign-in',
    )
    expect([right.status, nobody.status]).to.deep.equal([401, 401])
  })

  it('does not finish a consent it was in the middle of', async () => {
    const agent = newAgent()
    const { url } = await begin(await discover(app.issuer), { scope: 'openid phone', prompt: 'consent' })
    const page = await agent.get(url.href)
    const consent = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    expect(consent.text).to.include('class="view-consent"')
    await setStatus('disabled')
    const answer = await agent.submit(consent, {}, '/consent')
    expect(answer.url).to.not.include('code=')
    expect(answer.status).to.be.oneOf([200, 400, 403])
  })

  it('gets no token on a device it had approved', async () => {
    const { json } = await post(`${app.issuer}/device/auth`, { client_id: 'tv', scope: 'openid' })
    const agent = newAgent()
    let page = await agent.submit(await agent.get(`${app.issuer}/device`), { user_code: json.user_code })
    page = await agent.submit(page)
    page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    page = await agent.submit(page, {}, '/consent')
    expect(page.text).to.include('class="view-device-done"')
    await setStatus('disabled')
    const poll = { grant_type: DEVICE_CODE, device_code: json.device_code, client_id: 'tv' }
    const answer = await post(`${app.issuer}/token`, poll)
    expect([answer.status, answer.json.error]).to.deep.equal([400, 'invalid_grant'])
  })

  it('takes nothing from other people', async () => {
    const person = { email: 'john@example.org' }
    const rp = await discover(app.issuer)
    const { tokens, sub } = await signIn(rp, {}, { person })
    await setStatus('disabled')
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.include(person)
    expect((await client.refreshTokenGrant(rp, String(tokens.refresh_token))).access_token).to.be.a('string')
  })
})
