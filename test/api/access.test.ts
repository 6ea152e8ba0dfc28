/** Who gets into the API: tokens of this issuer, for this API, that nothing has ended; with their key where they have one. */
import { createHash, randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, SignJWT } from 'jose'
import * as client from 'openid-client'
import { Access } from '../../src/domain/access/service.ts'
import { OWN } from '../../src/domain/permissions/permissions.ts'
import { type Caller, CONSOLE, callerOf, newCaller, signedIn } from '../support/api.ts'
import {
  discoverPublic,
  get,
  newAgent,
  onEveryStack,
  type ProtocolApp,
  post,
  send,
  sendJson,
  signIn,
} from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  publicClient,
  RP_SECRET,
  walk,
  webClient,
} from '../support/relying-party.ts'

const ME = '/api/v1/users/me'
const IAT = 'an-initial-access-token-of-the-test-0123456789'
const grants = ['authorization_code', 'refresh_token', 'client_credentials']
const clients = [webClient({ ...CONSOLE, grant_types: grants }), publicClient()]
const options = {
  people: [],
  settings: { INITIAL_ACCESS_TOKEN: IAT, API_CORS_ORIGINS: 'https://console.example' },
  overrides: { clients },
}

onEveryStack('the API: who gets in', options, (app) => {
  const resource = () => `${app.issuer}/api`
  let ada: Caller
  before(async () => {
    ada = await newCaller(app, 'ada')
  })

  it('says of itself whose tokens it takes (RFC 9728)', async () => {
    const address = `${app.issuer}/.well-known/oauth-protected-resource/api`
    const { status, json, headers } = await get(address, { headers: { origin: 'https://any.example' } })
    expect([status, headers.get('access-control-allow-origin')], 'to anybody').to.deep.equal([200, '*'])
    expect(json).to.deep.include({
      resource: resource(),
      authorization_servers: [app.issuer],
      bearer_methods_supported: ['header'],
    })
    expect(json.scopes_supported).to.include.members(['account:read', 'users:write'])
  })

  it('asks strangers for a token and says where they come from (RFC 6750 3, RFC 9728 5.1)', async () => {
    const { status, json, headers } = await get(app.issuer + ME)
    expect([status, json.code]).to.deep.equal([401, 'token_missing'])
    const challenge = String(headers.get('www-authenticate'))
    expect(challenge).to.match(/^Bearer /)
    expect(challenge, 'no error: none was made').to.not.include('error=')
    expect(challenge).to.include(`resource_metadata="${app.issuer}/.well-known/oauth-protected-resource/api"`)
  })

  it('takes no token of another purpose, none in the address, and none made up', async () => {
    const rp = await discover(app.issuer)
    const { tokens } = await signIn(rp, {}, { person: { email: ada.email } })
    const basic = { basic: ['web', RP_SECRET] } as const
    const onItsOwn = (more: Record<string, string>) =>
      post(`${app.issuer}/token`, { grant_type: 'client_credentials', ...more }, basic)
    const unasked = await onItsOwn({ resource: resource(), scope: 'account:read' })
    expect([unasked.status, unasked.json.error]).to.deep.equal([400, 'invalid_target'])
    const machine = await onItsOwn({})
    expect(machine.status, machine.text).to.equal(200)
    const wrong = {
      'for userinfo': tokens.access_token,
      'an ID token': String(tokens.id_token),
      'made up': 'x'.repeat(43),
      'changed by a letter': `${ada.token.slice(0, -1)}${ada.token.endsWith('A') ? 'B' : 'A'}`,
    }
    for (const [what, token] of Object.entries(wrong)) {
      const { status, json, headers } = await get(app.issuer + ME, { bearer: token })
      expect([status, json.code], what).to.deep.equal([401, 'invalid_token'])
      expect(headers.get('www-authenticate'), what).to.include('error="invalid_token"')
    }
    expect((await get(`${app.issuer}${ME}?access_token=${ada.token}`)).json.code).to.equal('token_missing')
    const basicScheme = await get(app.issuer + ME, { headers: { authorization: `Basic ${ada.token}` } })
    expect(basicScheme.json.code).to.equal('invalid_token')
    expect((await ada.get(ME)).status, 'the true one').to.equal(200)
  })

  it('is no userinfo: the token of the API opens nothing there', async () => {
    expect((await get(`${app.issuer}/userinfo`, { bearer: ada.token })).status).to.equal(403)
  })

  it('needs the scope, and names it', async () => {
    const reader = await signedIn(app, ada.email, { scopes: ['account:read'] })
    expect((await reader.get(ME)).status).to.equal(200)
    const { status, json, headers } = await reader.send('DELETE', ME)
    expect([status, json.code]).to.deep.equal([403, 'insufficient_scope'])
    expect(headers.get('www-authenticate')).to.include('error="insufficient_scope", scope="account:write"')
    expect((await ada.get(ME)).status).to.equal(200)
  })

  it('a scope gives nothing that the person may not', async () => {
    const { status, json } = await ada.get('/api/v1/admin/users')
    expect([status, json.code]).to.deep.equal([403, 'forbidden'])
  })

  it('an app that registered itself cannot ask for the keys of the house', async () => {
    const registered = await sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [CALLBACK], client_name: 'Came by itself' },
      { bearer: IAT },
    )
    expect(registered.status, registered.text).to.equal(201)
    const { client_id: id, client_secret: secret } = registered.json
    const rp = await discover(app.issuer, id, secret)
    const stranger = await newCaller(app, 'owner-at-strangers', ['owner'], { rp })
    const seen = await post(`${app.issuer}/introspect`, { token: stranger.token }, { basic: [id, secret] })
    expect(seen.json.active).to.equal(true)
    expect(seen.json.scope.split(' ')).to.have.members(OWN)
    expect((await stranger.get(ME)).status).to.equal(200)
    expect((await stranger.get('/api/v1/admin/users')).json.code).to.equal('insufficient_scope')
  })

  it('whatever ends a token ends it here at once', async () => {
    const basic = { basic: ['web', RP_SECRET] } as const
    const access = accessOf(app)
    const endings: Record<string, (caller: Caller) => Promise<unknown>> = {
      'revoked by the app (RFC 7009)': ({ token }) => post(`${app.issuer}/revoke`, { token }, basic),
      'signed out': async ({ agent }) => {
        const page = await agent.get(`${app.issuer}/session/end`)
        await agent.submit(page, { logout: 'yes' })
      },
      'signed out everywhere': ({ userId }) => access.signOutEverywhere(userId, { by: 'test' }),
      'person disabled': ({ userId }) => access.disableUser(userId, { by: 'test' }),
      'person deleted': ({ userId }) => access.deleteUser(userId, { by: 'test' }),
    }
    for (const [index, [how, end]] of Object.entries(endings).entries()) {
      const caller = await newCaller(app, `ending-${index}`)
      expect((await caller.get(ME)).status, how).to.equal(200)
      await end(caller)
      const { status, json } = await caller.get(ME)
      expect([status, json.code], how).to.deep.equal([401, 'invalid_token'])
    }
    const caller = await newCaller(app, 'ending-app')
    await access.disableClient('web', { by: 'test' })
    expect((await caller.get(ME)).status, 'app disabled').to.equal(401)
    await access.enableClient('web', { by: 'test' })
    ada = await signedIn(app, 'ada@example.org')
  })

  describe('with a key (RFC 9449)', () => {
    async function bound(email: string) {
      const rp = await discoverPublic(app.issuer)
      const keys = await client.randomDPoPKeyPair('ES256')
      const DPoP = client.getDPoPHandle(rp, keys)
      const started = await begin(rp, { scope: 'openid account:read', resource: resource() })
      const { url } = await walk(newAgent(), started.url, { email })
      const checks = { ...started.checks, idTokenExpected: true }
      const tokens = await client.authorizationCodeGrant(
        rp,
        new URL(url),
        checks,
        { resource: resource() },
        { DPoP },
      )
      expect(tokens.token_type).to.equal('dpop')
      return { keys, token: tokens.access_token }
    }
    async function proof(keys: CryptoKeyPair, token: string, claims: Record<string, unknown> = {}) {
      const payload = {
        ...{ jti: randomUUID(), iat: Math.floor(Date.now() / 1000), htm: 'GET', htu: app.issuer + ME },
        ath: createHash('sha256').update(token).digest('base64url'),
        ...claims,
      }
      const jwk = await exportJWK(keys.publicKey)
      return new SignJWT(payload)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .sign(keys.privateKey)
    }
    const withProof = (token: string, dpop: string, scheme = 'DPoP') =>
      get(app.issuer + ME, { headers: { authorization: `${scheme} ${token}`, dpop } })

    it('opens with a fresh proof of the same key, once', async () => {
      const { keys, token } = await bound(ada.email)
      const fresh = await proof(keys, token)
      const opened = await withProof(token, fresh)
      expect(opened.status, opened.text).to.equal(200)
      const again = await withProof(token, fresh)
      expect([again.status, again.json.code]).to.deep.equal([401, 'invalid_dpop_proof'])
      const racers = await proof(keys, token)
      const race = await Promise.all(Array.from({ length: 8 }, () => withProof(token, racers)))
      expect(race.filter(({ status }) => status === 200)).to.have.length(1)
    })

    it('does not open without its key, nor with a proof of something else', async () => {
      const { keys, token } = await bound(ada.email)
      const stolen = await client.randomDPoPKeyPair('ES256')
      const old = Math.floor(Date.now() / 1000) - 120
      const wrong = {
        'as a bearer token': () => get(app.issuer + ME, { bearer: token }),
        'as a bearer token with a proof': async () => withProof(token, await proof(keys, token), 'Bearer'),
        'without a proof': () => get(app.issuer + ME, { headers: { authorization: `DPoP ${token}` } }),
        'of another key': async () => withProof(token, await proof(stolen, token)),
        'of another token': async () => withProof(token, await proof(keys, 'another')),
        'of another method': async () => withProof(token, await proof(keys, token, { htm: 'DELETE' })),
        'of another address': async () =>
          withProof(token, await proof(keys, token, { htu: `${app.issuer}/x` })),
        'of another time': async () => withProof(token, await proof(keys, token, { iat: old })),
        'without a name': async () => withProof(token, await proof(keys, token, { jti: undefined })),
        'that is none': () => withProof(token, 'e30.e30.'),
      }
      for (const [what, ask] of Object.entries(wrong)) {
        const { status, json } = await ask()
        expect(status, what).to.equal(401)
        expect(json.code, what).to.be.oneOf(['invalid_token', 'invalid_dpop_proof'])
      }
      expect((await withProof(token, await proof(keys, token))).status).to.equal(200)
    })

    it('a token that has none takes none', async () => {
      const keys = await client.randomDPoPKeyPair('ES256')
      expect((await withProof(ada.token, await proof(keys, ada.token))).status).to.equal(401)
    })
  })

  it('answers pages of configured origins only, and never with credentials', async () => {
    const preflight = (origin: string) =>
      send('OPTIONS', app.issuer + ME, undefined, {
        headers: { origin, 'access-control-request-method': 'PATCH' },
      })
    const refused = await preflight('https://evil.example')
    expect([refused.status, refused.headers.get('access-control-allow-origin')]).to.deep.equal([204, null])
    expect(refused.headers.get('vary')).to.include('Origin')
    const allowed = await preflight('https://console.example')
    expect(allowed.headers.get('access-control-allow-origin')).to.equal('https://console.example')
    expect(allowed.headers.get('access-control-allow-headers')).to.include('If-Match')
    expect(allowed.headers.get('access-control-allow-credentials')).to.equal(null)
    const asked = await ada.get(ME, { headers: { origin: 'https://console.example' } })
    expect(asked.headers.get('access-control-allow-origin')).to.equal('https://console.example')
    expect(asked.headers.get('access-control-expose-headers')).to.include('ETag')
    const refusal = await get(app.issuer + ME, { headers: { origin: 'https://console.example' } })
    expect(refusal.headers.get('access-control-allow-origin'), 'refusals too').to.equal(
      'https://console.example',
    )
    const foreign = await ada.get(ME, { headers: { origin: 'null' } })
    expect(foreign.headers.get('access-control-allow-origin')).to.equal(null)
  })

  it('is no way round to anything: unknown addresses and methods are refused in its own words', async () => {
    const unknown = await ada.get('/api/v1/nothing')
    expect([unknown.status, unknown.json.code]).to.deep.equal([404, 'not_found'])
    const method = await ada.send('PUT', ME, {})
    expect([method.status, method.json.code, method.headers.get('allow')]).to.deep.equal([
      405,
      'method_not_allowed',
      'GET, PATCH, DELETE, HEAD, OPTIONS',
    ])
    for (const path of [
      '/API/v1/users/me',
      '/api/v1/users/me/',
      '/api//v1/users/me',
      '/api/v1/users/%2e%2e/me',
    ])
      expect((await callerOf(app, ada.token).get(path)).status, path).to.equal(404)
  })
})

/** As an operator's tool has it. */
function accessOf({ app: { storage } }: ProtocolApp): Access {
  return new Access(storage.database, () => storage.changes.expire('clients'))
}
