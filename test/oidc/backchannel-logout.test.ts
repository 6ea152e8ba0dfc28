import { expect } from 'chai'
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { type LogoutListener, listenForLogouts } from '../support/logout-listener.ts'
import { JANE, onEveryStack, responseOf, type SignedIn, signIn } from '../support/protocol.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const JOHN = { email: 'john@example.org' }
let allowed: LogoutListener
let forbidden: LogoutListener

const listening = (client_id: string, listener: LogoutListener, more: object = {}) =>
  webClient({ client_id, backchannel_logout_uri: `${listener.origin}/${client_id}/logout`, ...more })

async function options() {
  await Promise.all([allowed?.close(), forbidden?.close()])
  ;[allowed, forbidden] = await Promise.all([listenForLogouts(), listenForLogouts()])
  const clients = [
    listening('one', allowed, { backchannel_logout_session_required: true }),
    listening('two', allowed),
    listening('inside', forbidden),
    webClient({ client_id: 'deaf' }),
  ]
  return { settings: { OUTBOUND_ALLOW: allowed.origin }, overrides: { clients }, people: [JANE, JOHN] }
}

onEveryStack('back-channel logout (OpenID Connect Back-Channel Logout 1.0)', options, (app) => {
  after(() => Promise.all([allowed.close(), forbidden.close()]))
  beforeEach(() => {
    allowed.received.length = 0
    forbidden.received.length = 0
    allowed.status = 200
  })

  const enter = async (id: string, agent?: SignedIn['agent'], person = JANE) =>
    signIn(await discover(app.issuer, id), {}, { person, ...(agent ? { agent } : {}) })

  async function leave({ agent }: SignedIn, more: Record<string, string> = {}) {
    const url = client.buildEndSessionUrl(await discover(app.issuer, 'one'), {})
    return agent.submit(await agent.get(url.href), { logout: 'yes', ...more })
  }

  const verify = async (token: string, audience: string): Promise<JWTPayload> => {
    const keys = createRemoteJWKSet(new URL(`${app.issuer}/jwks`))
    const { payload } = await jwtVerify(token, keys, { issuer: app.issuer, audience, typ: 'logout+jwt' })
    return payload
  }

  it('tells the app with a signed token what ended (2.4, 2.5)', async () => {
    const signedIn = await enter('one')
    const sid = signedIn.tokens.claims()?.sid
    expect(sid, 'the ID token names the session').to.be.a('string')
    await leave(signedIn)
    const [told, ...more] = allowed.received
    expect(more).to.deep.equal([])
    expect(told?.path).to.equal('/one/logout')
    expect(told?.contentType).to.match(/^application\/x-www-form-urlencoded/)
    const payload = await verify(String(told?.token), 'one')
    expect(payload.sub).to.equal(signedIn.sub)
    expect(payload.sid).to.equal(sid)
    expect(payload.events).to.deep.equal({ [EVENT]: {} })
    expect(payload.jti).to.be.a('string')
    expect(payload).to.not.have.property('nonce')
    expect(Number(payload.exp) - Number(payload.iat)).to.be.at.most(120)
  })

  it('tells every app of the session, and those that do not listen are none of its business', async () => {
    const first = await enter('one')
    await enter('two', first.agent)
    await enter('deaf', first.agent)
    await leave(first)
    expect(allowed.received.map(({ path }) => path).sort()).to.deep.equal(['/one/logout', '/two/logout'])
    await Promise.all(allowed.received.map(({ path, token }) => verify(token, String(path.split('/')[1]))))
  })

  it('tells nobody when the person stays signed in', async () => {
    const signedIn = await enter('one')
    const url = client.buildEndSessionUrl(await discover(app.issuer, 'deaf'), {})
    await signedIn.agent.submit(await signedIn.agent.get(url.href), {}, 1)
    expect(allowed.received).to.deep.equal([])
  })

  it('reaches no address on this machine or network that the operator did not allow', async () => {
    const signedIn = await enter('inside')
    await enter('one', signedIn.agent)
    await leave(signedIn)
    expect(forbidden.received).to.deep.equal([])
    expect(allowed.received.length, 'the allowed one is told all the same').to.equal(1)
    const line = app.logs.find(
      ({ msg, clientId }) => clientId === 'inside' && /could not be told/.test(String(msg)),
    )
    expect(line, 'the operator finds it in the log').to.be.an('object')
    expect(JSON.stringify(line)).to.not.match(/eyJ[\w-]+\./)
  })

  it('signs the person out although an app answers with an error', async () => {
    allowed.status = 500
    const signedIn = await enter('one')
    const done = await leave(signedIn)
    expect(done.text).to.include('class="view-logout-done"')
    expect(allowed.received.length).to.equal(1)
    const { url } = await begin(await discover(app.issuer, 'one'), { prompt: 'none' })
    expect(responseOf((await signedIn.agent.get(url.href)).url).error).to.equal('login_required')
  })

  it('"everywhere" tells the apps of the other browsers about their own sessions', async () => {
    const johns = (id: string) => enter(id, undefined, JOHN)
    const [here, there, elsewhere] = [await johns('one'), await johns('two'), await johns('one')]
    const janes = await enter('two')
    const sids = [here, elsewhere].map(({ tokens }) => tokens.claims()?.sid)
    expect(new Set(sids).size).to.equal(2)
    await leave(here, { everywhere: 'yes' })
    const told = (path: string) => allowed.received.filter((request) => request.path === path)
    expect(told('/two/logout').length).to.equal(1)
    expect(decodeJwt(String(told('/two/logout')[0]?.token)).sub).to.equal(there.sub)
    const heard = told('/one/logout').map(({ token }) => decodeJwt(token).sid)
    expect(heard.sort()).to.deep.equal(sids.sort())
    const { url } = await begin(await discover(app.issuer, 'two'), { prompt: 'none' })
    for (const { agent } of [there, elsewhere])
      expect(responseOf((await agent.get(url.href)).url).error).to.equal('login_required')
    const other = responseOf((await janes.agent.get(url.href)).url)
    expect(other.code, 'somebody else’s session').to.be.a('string')
  })

  it('without "everywhere" leaves the apps of the other browsers in peace', async () => {
    const [here] = [await enter('one'), await enter('two')]
    await leave(here)
    expect(allowed.received.map(({ path }) => path)).to.deep.equal(['/one/logout'])
  })
})
