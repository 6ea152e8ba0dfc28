import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { createRemoteJWKSet, decodeJwt, type JWTPayload, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { Access } from '../../src/domain/access/service.ts'
import { changePassword } from '../support/endings.ts'
import { type LogoutListener, listenForLogouts } from '../support/logout-listener.ts'
import { createPerson } from '../support/people.ts'
import { JANE, onEveryStack, responseOf, type SignedIn, signIn } from '../support/protocol.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'
import { token } from '../support/samples.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const JOHN = { email: 'john@example.org' }
let allowed: LogoutListener
let forbidden: LogoutListener
let slow: LogoutListener

const listening = (client_id: string, listener: LogoutListener, more: object = {}) =>
  webClient({ client_id, backchannel_logout_uri: `${listener.origin}/${client_id}/logout`, ...more })

async function options() {
  await Promise.all([allowed?.close(), forbidden?.close(), slow?.close()])
  ;[allowed, forbidden, slow] = await Promise.all([
    listenForLogouts(),
    listenForLogouts(),
    listenForLogouts(),
  ])
  const clients = [
    listening('one', allowed, { backchannel_logout_session_required: true }),
    listening('two', allowed),
    listening('inside', forbidden),
    listening('slow', slow),
    webClient({ client_id: 'deaf' }),
  ]
  return {
    settings: { OUTBOUND_ALLOW: `${allowed.origin},${slow.origin}` },
    overrides: { clients },
    people: [JANE, JOHN],
  }
}

onEveryStack('back-channel logout (OpenID Connect Back-Channel Logout 1.0)', options, (app) => {
  after(() => Promise.all([allowed.close(), forbidden.close(), slow.close()]))
  beforeEach(() => {
    allowed.received.length = 0
    forbidden.received.length = 0
    allowed.status = 200
    allowed.delayMs = 0
  })
  afterEach(async () => {
    await settled()
    await app.sql.query("delete from outbox where kind = 'backchannel-logout'")
  })

  /** Notices that wait or were given up. */
  const waiting = () =>
    app.sql.query<{ job: object; dead: boolean; attempts: number }>(
      "select job, dead_at is not null as dead, attempts from outbox where kind = 'backchannel-logout'",
    )
  /** Nothing is being sent right now. */
  async function settled() {
    for (let tries = 0; tries < 200; tries += 1) {
      const busy = await app.sql.query(
        "select 1 from outbox where kind = 'backchannel-logout' and dead_at is null and (leased_until > now() or attempts = 0)",
      )
      if (busy.length === 0) return
      await sleep(25)
    }
    throw new Error('the outbox never came to rest')
  }
  const dueNow = () => app.sql.query("update outbox set due_at = now() where kind = 'backchannel-logout'")

  it('keeps what was given up for 30 days', async () => {
    const dead = (id: string, days: number) =>
      app.sql.query(
        'insert into outbox (job, dead_at) values ($1::jsonb, now() - make_interval(days => $2::int))',
        [JSON.stringify({ kind: 'backchannel-logout', clientId: id, accountId: 'usr_x' }), days],
      )
    await dead('kept', 29)
    await dead('forgotten', 30)
    await app.app.storage.purge(1000)
    expect((await waiting()).map(({ job }) => (job as { clientId: string }).clientId)).to.deep.equal(['kept'])
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
    const [told, ...more] = await allowed.heard(1)
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
    await allowed.heard(2)
    expect(allowed.received.map(({ path }) => path).sort()).to.deep.equal(['/one/logout', '/two/logout'])
    await Promise.all(allowed.received.map(({ path, token }) => verify(token, String(path.split('/')[1]))))
  })

  it('tells nobody when the person stays signed in', async () => {
    const signedIn = await enter('one')
    const url = client.buildEndSessionUrl(await discover(app.issuer, 'deaf'), {})
    await signedIn.agent.submit(await signedIn.agent.get(url.href), {}, 1)
    expect(await waiting()).to.deep.equal([])
    expect(await allowed.heard(0)).to.deep.equal([])
  })

  it('reaches no address on this machine or network that the operator did not allow', async () => {
    const signedIn = await enter('inside')
    await enter('one', signedIn.agent)
    await leave(signedIn)
    expect((await allowed.heard(1)).length, 'the allowed one is told all the same').to.equal(1)
    await settled()
    expect(forbidden.received).to.deep.equal([])
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
    expect((await allowed.heard(1)).length).to.equal(1)
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
    await allowed.heard(3)
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
    await allowed.heard(1)
    expect(allowed.received.map(({ path }) => path)).to.deep.equal(['/one/logout'])
  })

  describe('is told for certain', () => {
    const access = () => new Access(app.app.storage.database)
    const BY = { by: 'test' }
    /** One of their own: what ends here ends nothing of the others. */
    const somebody = async () => createPerson(app, { email: `${token()}@example.org` })

    const ENDINGS: Record<string, (person: { id: string; email: string }) => Promise<unknown>> = {
      'an administrator ends the session': async ({ id }) => {
        const [session] = await app.app.storage.database.access.openSessions(id)
        await access().endSession(id, String(session?.id), BY)
      },
      'everything is signed out': ({ id }) => access().signOutEverywhere(id, BY),
      'the person is disabled': ({ id }) => access().disableUser(id, BY),
      'the person is deleted': ({ id }) => access().deleteUser(id, BY),
      'consent is withdrawn': ({ id }) => access().withdrawConsent(id, 'one', BY),
      'the password is reset': (person) =>
        changePassword({ nodes: { apps: [app.app], secrets: app.secrets }, person }),
      'the session expires': async ({ id }) => {
        const past =
          "update oidc_session_families set expires_at = now() - interval '1 minute' where account_id = $1"
        await app.sql.query(past, [id])
        await app.app.storage.purge(1000)
      },
    }
    for (const [what, end] of Object.entries(ENDINGS))
      it(`when ${what}, and once`, async () => {
        const person = await somebody()
        const { tokens, sub } = await enter('one', undefined, person)
        await end(person)
        const [told, ...more] = await allowed.heard(1)
        expect(more).to.deep.equal([])
        const payload = await verify(String(told?.token), 'one')
        expect([payload.sub, payload.sid]).to.deep.equal([sub, tokens.claims()?.sid])
        await app.sql.query(
          "update oidc_session_families set expires_at = now() - interval '1 minute' where account_id = $1",
          [person.id],
        )
        if (what !== 'consent is withdrawn') await app.app.storage.purge(1000)
        await settled()
        expect(allowed.received.length, 'removing what was ended tells nobody again').to.equal(1)
        expect(await waiting()).to.deep.equal([])
      })

    it('by the same transaction: what did not happen is not told', async () => {
      const person = await somebody()
      await enter('one', undefined, person)
      const { database } = app.app.storage
      const failing = database.transaction(async (repositories) => {
        await repositories.access.revokeAccount(person.id)
        throw new Error('the record could not be written')
      })
      expect(await failing.catch((error: Error) => error.message)).to.include('could not be written')
      expect(await waiting()).to.deep.equal([])
      expect(await allowed.heard(0)).to.deep.equal([])
    })

    it('after an app was down, with a token of that moment (2.4), and never again once it said yes', async () => {
      allowed.status = 503
      const signedIn = await enter('one')
      await leave(signedIn)
      const first = decodeJwt(String((await allowed.heard(1))[0]?.token))
      await settled()
      expect((await waiting()).map(({ attempts, dead }) => [attempts, dead])).to.deep.equal([[1, false]])
      await sleep(1100)
      allowed.status = 204
      await dueNow()
      const second = decodeJwt(String((await allowed.heard(2))[1]?.token))
      expect(second.jti).to.not.equal(first.jti)
      expect(Number(second.iat)).to.be.greaterThan(Number(first.iat))
      expect(second.sid).to.equal(first.sid)
      await settled()
      expect(await waiting()).to.deep.equal([])
      await dueNow()
      expect((await allowed.heard(2)).length).to.equal(2)
    })

    it('three times to an app that says the notice is wrong (2.8), which then is the operator’s to see', async () => {
      allowed.status = 400
      await leave(await enter('two'))
      for (let tries = 1; tries <= 3; tries += 1) {
        await allowed.heard(tries)
        await settled()
        await dueNow()
      }
      expect((await allowed.heard(3)).length).to.equal(3)
      expect((await waiting()).map(({ attempts, dead }) => [attempts, dead])).to.deep.equal([[3, true]])
      const line = app.logs.find(
        ({ msg, clientId }) => clientId === 'two' && /could not be told/.test(String(msg)),
      )
      expect(line).to.include({ attempts: 3, reason: 'the app answered 400' })
    })

    it('although it thinks for long: nobody waits for it, neither the person nor another app', async () => {
      slow.delayMs = 1500
      const signedIn = await enter('slow')
      await enter('one', signedIn.agent)
      const begun = performance.now()
      await leave(signedIn)
      expect(performance.now() - begun, 'the answer').to.be.lessThan(1000)
      await allowed.heard(1)
      expect(performance.now() - begun, 'the other app').to.be.lessThan(1500)
      await slow.heard(1)
      await settled()
      expect(await waiting()).to.deep.equal([])
    })
  })
})
