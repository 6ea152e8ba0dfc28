/** OpenID Connect Back-Channel Logout 1.0: the apps of a session hear of its end, in a token they can trust. */
import { expect } from 'chai'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { check } from '../harness/check.ts'
import { logoutToken, mutation, tellsNobody } from '../harness/mutations.ts'
import type { Op } from '../harness/op.ts'
import { LISTENS, LISTENS_TOO, WEB } from '../harness/parties.ts'

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'

/** Signs in to an app that listens, signs out again; the token it was told with. */
async function leave(op: Op) {
  op.world.listener.received.length = 0
  const signedIn = await op.signIn(LISTENS, {}, op.browser())
  await op.signOut(signedIn.agent, { id_token_hint: signedIn.tokens.id_token })
  const [token] = await op.heard(LISTENS)
  expect(token, 'a logout token').to.be.a('string')
  return { ...signedIn, token: String(token) }
}
const claimsAfter = async (op: Op) => decodeJwt((await leave(op)).token)
const sets = (what: string, changes: Record<string, unknown>) =>
  logoutToken(what, (claims) => Object.assign(claims, changes))

export const backchannelLogout = [
  check(
    'backchannel-told',
    'OpenID Connect Back-Channel Logout 1.0, 2.5',
    'tells the app once that the session ended',
    async (op) => {
      await leave(op)
      expect(await op.heard(LISTENS)).to.have.length(1)
    },
    tellsNobody,
  ),
  check(
    'backchannel-form',
    'OpenID Connect Back-Channel Logout 1.0, 2.5',
    'posts the token as a form',
    async (op) => {
      await leave(op)
      const [received] = op.world.listener.received
      expect(received?.contentType).to.match(/^application\/x-www-form-urlencoded/)
      expect((await op.heard(LISTENS))[0]).to.match(/^[\w-]+\.[\w-]+\.[\w-]+$/)
    },
    mutation('sends something else', (exchange) => {
      if (exchange.method === 'LOGOUT') exchange.text = 'nonsense'
    }),
  ),
  check(
    'backchannel-signature',
    'OpenID Connect Back-Channel Logout 1.0, 2.6',
    'signs the token with a published key, for the app, in its own name',
    async (op) => {
      const { payload } = await op.verify((await leave(op)).token, LISTENS.id)
      expect(payload.iss).to.equal(op.issuer)
    },
    sets('names another audience', { aud: WEB.id }),
    logoutToken('does not sign', (_claims, header) => Object.assign(header, { alg: 'none' })),
  ),
  check(
    'backchannel-alg',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'signs it with the algorithm of the app’s ID tokens',
    async (op) => {
      const { token, header } = await leave(op)
      expect(decodeProtectedHeader(token).alg).to.equal(header.alg)
    },
    logoutToken('signs it with another', (_claims, header) => Object.assign(header, { alg: 'ES256' })),
  ),
  check(
    'backchannel-typ',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'says by its type what the token is',
    async (op) => expect(decodeProtectedHeader((await leave(op)).token).typ).to.match(/^logout\+jwt$/i),
    logoutToken('calls it a JWT', (_claims, header) => Object.assign(header, { typ: 'JWT' })),
  ),
  check(
    'backchannel-event',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'names the event, with an empty object',
    async (op) => expect((await claimsAfter(op)).events).to.deep.equal({ [EVENT]: {} }),
    sets('names another', { events: { other: {} } }),
  ),
  check(
    'backchannel-sub',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'names the person as the ID token did',
    async (op) => {
      const { token, claims } = await leave(op)
      expect(decodeJwt(token).sub).to.equal(claims.sub)
    },
    sets('names another', { sub: 'another' }),
  ),
  check(
    'backchannel-sid',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'names the session as the ID token did, where the app wants it',
    async (op) => {
      const { token, claims } = await leave(op)
      expect(claims.sid, 'sid of the ID token').to.be.a('string')
      expect(decodeJwt(token).sid).to.equal(claims.sid)
    },
    sets('names another', { sid: 'another' }),
    logoutToken('names none', (claims) => delete claims.sid),
  ),
  check(
    'backchannel-no-nonce',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'holds no nonce, so that it is never taken for an ID token',
    async (op) => expect(await claimsAfter(op)).to.not.have.property('nonce'),
    sets('holds one', { nonce: 'n' }),
  ),
  check(
    'backchannel-jti',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'gives each token an id of its own',
    async (op) => {
      const ids = [(await claimsAfter(op)).jti, (await claimsAfter(op)).jti]
      expect(ids[0]).to.be.a('string').with.length.above(8)
      expect(ids[0]).to.not.equal(ids[1])
    },
    sets('gives all one', { jti: 'j'.repeat(20) }),
    logoutToken('gives none', (claims) => delete claims.jti),
  ),
  check(
    'backchannel-time',
    'OpenID Connect Back-Channel Logout 1.0, 2.4',
    'dates the token now and lets it die within minutes',
    async (op) => {
      const { iat, exp } = await claimsAfter(op)
      expect(iat).to.be.closeTo(Date.now() / 1000, 15)
      expect(Number(exp) - Number(iat)).to.be.within(1, 300)
    },
    sets('dates it yesterday', { iat: 1 }),
    logoutToken('lets it live', (claims) => delete claims.exp),
  ),
  check(
    'backchannel-every-app',
    'OpenID Connect Back-Channel Logout 1.0, 2.5',
    'tells every app of the session, each in a token of its own',
    async (op) => {
      op.world.listener.received.length = 0
      const agent = op.browser()
      await op.signIn(LISTENS, {}, agent)
      await op.signIn(LISTENS_TOO, {}, agent)
      await op.signOut(agent)
      const tokens = [...(await op.heard(LISTENS)), ...(await op.heard(LISTENS_TOO))]
      expect(tokens.map((token) => decodeJwt(token).aud)).to.have.members([LISTENS.id, LISTENS_TOO.id])
    },
    tellsNobody,
    sets('sends all the same', { aud: LISTENS.id }),
  ),
  check(
    'backchannel-only-on-logout',
    'OpenID Connect Back-Channel Logout 1.0, 2.5',
    'tells nobody while the person has not said so',
    async (op) => {
      op.world.listener.received.length = 0
      const { agent } = await op.signIn(LISTENS, {}, op.browser())
      await op.endSession(agent)
      // What is told at all is told at once, so this is long enough to be heard.
      expect(await op.heard(LISTENS, 200)).to.deep.equal([])
      await op.signOut(agent)
      expect(await op.heard(LISTENS)).to.have.length(1)
    },
    tellsNobody,
  ),
  check(
    'backchannel-no-effect-of-app',
    'OpenID Connect Back-Channel Logout 1.0, 2.7',
    'signs the person out although the app answers with an error',
    async (op) => {
      op.world.listener.status = 500
      try {
        const { agent } = await leave(op)
        expect((await op.ask(LISTENS, { prompt: 'none' }, agent)).params.error).to.equal('login_required')
      } finally {
        op.world.listener.status = 200
      }
    },
    mutation('keeps them signed in', (exchange) => {
      const location = exchange.headers.get('location') ?? ''
      exchange.headers.delete('location')
      if (location) exchange.headers.set('location', location.replace(/error=[^&]*/, 'code=x'))
    }),
  ),
]
