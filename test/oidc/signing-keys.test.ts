/** Keys that change under a running app: what was signed before is good after, and nobody is signed out. */
import { expect } from 'chai'
import { createLocalJWKSet, decodeProtectedHeader, type JSONWebKeySet, jwtVerify } from 'jose'
import * as client from 'openid-client'
import { keyMaker } from '../../src/crypto/key-maker.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import type { KeyLine, KeyState } from '../../src/domain/keys/key.ts'
import { failure } from '../support/failure.ts'
import { followed, kidsOf, passTime, readKeys } from '../support/key-time.ts'
import { get, JANE, newAgent, onEveryStack, post, responseOf, signIn } from '../support/protocol.ts'
import { begin, discover, exchange, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const ORDERS = 'https://orders.example/api'
const MINUTE = 60
const DAY = 24 * 3600
const ELEVEN_MINUTES = 11 * MINUTE + 1

const clients = [
  webClient({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }),
  webClient({ client_id: 'es256', id_token_signed_response_alg: 'ES256' }),
  webClient({ client_id: 'ps256', id_token_signed_response_alg: 'PS256' }),
  webClient({ client_id: 'eddsa', id_token_signed_response_alg: 'EdDSA' }),
]
const settings = {
  SIGNING_ALGORITHMS: 'RS256, ES256, PS256, EdDSA',
  RESOURCE_SERVERS: JSON.stringify([{ audience: ORDERS, scopes: ['orders:read'] }]),
}

onEveryStack('signing keys that rotate', { settings, overrides: { clients } }, (app) => {
  const rp = (id = 'web') => discover(app.issuer, id)
  const jwks = () => readKeys(app.issuer)
  const kidOf = (token: string) => String(decodeProtectedHeader(token).kid)
  const verify = (token: string, keys: JSONWebKeySet) =>
    jwtVerify(token, createLocalJWKSet(keys), { issuer: app.issuer })
  const settle = () => followed(app.app, app.issuer)
  const later = async (seconds: number) => {
    await passTime(app.app, app.sql, seconds)
    await settle()
  }
  const kidIn = async (line: KeyLine, state: KeyState) => {
    const keys = await app.app.storage.database.signingKeys.list()
    return String(keys.find((key) => key.line === line && key.state === state)?.kid)
  }
  const begun = (agent: UserAgent, parameters: Record<string, string>) =>
    rp()
      .then((it) => begin(it, parameters))
      .then(({ url }) => agent.get(url.href))
  const isSignedIn = async (agent: UserAgent) => {
    agent.stopAt = (url) => url.startsWith('http://localhost:9/')
    return responseOf((await begun(agent, { prompt: 'none' })).url).code !== undefined
  }
  const endSession = async (agent: UserAgent, idToken: unknown): Promise<Page> =>
    agent.get(client.buildEndSessionUrl(await rp(), { id_token_hint: String(idToken) }).href)

  /** A JWT access token of the web app for its API. */
  async function accessToken(): Promise<string> {
    const form = { grant_type: 'client_credentials', resource: ORDERS, scope: 'orders:read' }
    const { status, text, json } = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect(status, text).to.equal(200)
    return json.access_token
  }

  /** All lines, through to the next key. */
  async function rotated(): Promise<void> {
    await app.app.signingKeys.rotate(undefined, 'test')
    await settle()
    await later(ELEVEN_MINUTES)
  }

  it('offers the four algorithms, each with a key, and signs with the one an app asked for', async () => {
    const discovery = (await get(`${app.issuer}/.well-known/openid-configuration`)).json
    expect(discovery.id_token_signing_alg_values_supported).to.deep.equal([
      'ES256',
      'RS256',
      'PS256',
      'EdDSA',
    ])
    const keys = await jwks()
    expect(keys.keys.map(({ alg }) => alg)).to.deep.equal(['ES256', 'RS256', 'PS256', 'EdDSA'])
    for (const [id, alg] of [
      ['web', 'RS256'],
      ['es256', 'ES256'],
      ['ps256', 'PS256'],
      ['eddsa', 'EdDSA'],
    ] as const) {
      const { tokens } = await signIn(await rp(id))
      expect((await verify(String(tokens.id_token), keys)).protectedHeader.alg, id).to.equal(alg)
    }
  })

  it('publishes the next key before it signs, and the one before for as long as it is looked at', async () => {
    const before = { keys: await jwks(), token: await accessToken() }
    expect(await app.app.signingKeys.rotate('ES256', 'test')).to.deep.equal([{ make: 'ES256', as: 'next' }])
    expect(await settle()).to.be.below(5_000)
    const published = await jwks()
    expect(published.keys.length).to.equal(before.keys.keys.length + 1)
    for (const key of published.keys) expect(key).to.not.have.any.keys('d', 'p', 'q', 'dp', 'dq', 'qi', 'k')

    await later(10 * MINUTE)
    const held = await accessToken()
    expect(kidOf(held), 'verifiers may have the keys of ten minutes ago').to.equal(kidOf(before.token))
    await later(MINUTE + 1)
    const after = await accessToken()
    expect(kidOf(after)).to.not.equal(kidOf(before.token))
    expect(kidsOf(before.keys)).to.not.include(kidOf(after))
    for (const token of [before.token, held, after]) {
      await verify(token, published)
      await verify(token, await jwks())
    }

    await later(30 * DAY)
    expect(kidsOf(await jwks())).to.include(kidOf(held))
    await later(5 * MINUTE + 1)
    const left = kidsOf(await jwks())
    expect(left).to.include(kidOf(after))
    expect(left).to.not.include(kidOf(held))
    const [row] = await app.sql.query<{ state: string }>('select state from signing_keys where kid = $1', [
      kidOf(held),
    ])
    expect(row?.state).to.equal('retired')
  })

  it('signs nobody out and ends no sign-in that is under way', async () => {
    const { agent, tokens } = await signIn(await rp())
    const signature = agent.cookie('ostiary_session.sig')
    const other = newAgent()
    const started = await begin(await rp())
    const page = await other.get(started.url.href)
    await rotated()
    const credentials = { identifier: JANE.email, password: PASSWORD }
    const { url } = await other.submit(page, credentials, '/sign-in')
    const fresh = await exchange(await rp(), url, started)
    expect(kidOf(String(fresh.id_token))).to.not.equal(kidOf(String(tokens.id_token)))

    expect(await isSignedIn(agent)).to.equal(true)
    expect(agent.cookie('ostiary_session.sig'), 'signed anew').to.not.equal(signature)
    const refreshed = await client.refreshTokenGrant(await rp(), String(tokens.refresh_token))
    expect(kidOf(String(refreshed.id_token))).to.equal(kidOf(String(fresh.id_token)))
    await later(31 * DAY)
    expect(await isSignedIn(agent), 'the key that signed the first cookie is gone').to.equal(true)
  })

  it('takes an ID token as hint while its key is kept, and says so when it is not', async () => {
    const { agent, tokens } = await signIn(await rp())
    await rotated()
    expect((await endSession(agent, tokens.id_token)).text).to.include('Test web app')
    await later(31 * DAY)
    const refused = await endSession(agent, tokens.id_token)
    expect([refused.status, /class="view-error/.test(refused.text)]).to.deep.equal([400, true])
    const none = await begun(agent, { prompt: 'none', id_token_hint: String(tokens.id_token) })
    expect(responseOf(none.url).error).to.equal('invalid_request')
    expect(await isSignedIn(agent), 'without the hint all is as before').to.equal(true)
  })

  it('goes on recording what happens at the engine after its keys have changed', async () => {
    await rotated()
    const { agent } = await signIn(await rp())
    const page = await agent.get(client.buildEndSessionUrl(await rp(), {}).href)
    const count = async () => {
      const rows = await app.sql.query(`select 1 from audit_events where name = 'user.signed_out'`)
      return rows.length
    }
    const before = await count()
    await agent.submit(page, { logout: 'yes' })
    expect(await count()).to.equal(before + 1)
  })

  it('revokes a key at once: gone from the key set, its tokens refused, its successor signs', async () => {
    const { agent, tokens } = await signIn(
      await rp('es256'),
      { scope: 'openid orders:read', resource: ORDERS },
      {
        exchange: { resource: ORDERS },
      },
    )
    const stolen = kidOf(tokens.access_token)
    expect(kidOf(String(tokens.id_token))).to.equal(stolen)
    await verify(tokens.access_token, await jwks())
    await app.app.signingKeys.revoke(stolen, 'test')
    expect(await settle()).to.be.below(5_000)

    const keys = await jwks()
    expect(kidsOf(keys)).to.not.include(stolen)
    for (const token of [tokens.access_token, String(tokens.id_token)])
      expect((await failure(verify(token, keys))).message).to.equal(
        'no applicable key found in the JSON Web Key Set',
      )
    const introspected = await post(
      `${app.issuer}/introspect`,
      { token: tokens.access_token },
      { basic: ['web', RP_SECRET] },
    )
    expect(introspected.json.error, 'APIs check JWTs themselves').to.equal('unsupported_token_type')
    expect((await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })).status).to.equal(401)
    expect((await endSession(agent, tokens.id_token)).status).to.equal(400)

    const renewed = await accessToken()
    expect(kidOf(renewed)).to.equal(await kidIn('ES256', 'current'))
    await verify(renewed, keys)
    expect(await isSignedIn(agent), 'it signed no cookies').to.equal(true)
    expect((await failure(app.app.signingKeys.revoke(stolen, 'test'))).message).to.equal('not_found')
    const [row] = await app.sql.query('select state, kid from signing_keys where kid = $1', [stolen])
    expect(row).to.deep.equal({ state: 'retired', kid: stolen })
  })

  it('revokes a cookie key: every cookie it signed is worth nothing', async () => {
    const { agent } = await signIn(await rp())
    await app.app.signingKeys.revoke(await kidIn('cookie', 'current'), 'test')
    const successor = await kidIn('cookie', 'current')
    for (let tries = 0; tries < 100 && (await isSignedIn(agent)); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 50))
    expect(await isSignedIn(agent)).to.equal(false)
    const { agent: again } = await signIn(await rp())
    expect(await isSignedIn(again)).to.equal(true)
    expect(await kidIn('cookie', 'current')).to.equal(successor)
  })

  it('records each step with the key and who took it', async () => {
    await app.sql.query('delete from audit_events')
    const former = await kidIn('EdDSA', 'current')
    await app.app.signingKeys.rotate('EdDSA', 'somebody')
    const next = await kidIn('EdDSA', 'next')
    await later(ELEVEN_MINUTES)
    await app.app.signingKeys.revoke(next, 'somebody')
    const rows = await app.sql.query<{ name: string; detail: Record<string, string> }>(
      `select name, detail from audit_events where detail->>'line' = 'EdDSA' order by id`,
    )
    expect(rows.map(({ name, detail }) => [name, detail.by, detail.kid])).to.deep.equal([
      ['signing_key.added', 'somebody', next],
      ['signing_key.retiring', 'schedule', former],
      ['signing_key.promoted', 'schedule', next],
      ['signing_key.revoked', 'somebody', next],
      ['signing_key.added', 'somebody', await kidIn('EdDSA', 'current')],
    ])
  })
})

onEveryStack('a signing key of an algorithm that is offered no more', {}, (app) => {
  it('stays in the key set until its time is over, and is not offered', async () => {
    const { signingKeys } = app.app.storage.database
    const key = await keyMaker(secureRandom)('EdDSA')
    await signingKeys.add({ ...key, line: 'EdDSA', state: 'current' })
    await followed(app.app, app.issuer)
    expect(kidsOf(await readKeys(app.issuer))).to.include(key.kid)
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json.id_token_signing_alg_values_supported).to.deep.equal(['ES256', 'RS256'])
    const stateOf = async () => (await signingKeys.list()).find(({ kid }) => kid === key.kid)?.state
    await passTime(app.app, app.sql, 89 * DAY)
    expect(await stateOf()).to.equal('current')
    await passTime(app.app, app.sql, 2 * DAY)
    expect(await stateOf()).to.equal('retiring')
    await passTime(app.app, app.sql, 31 * DAY)
    await followed(app.app, app.issuer)
    expect(kidsOf(await readKeys(app.issuer))).to.not.include(key.kid)
  })
})
