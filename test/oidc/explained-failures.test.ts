/** Real requests that fail, and what is said of each to the operator: cause, what differs, the one change. */
import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as client from 'openid-client'
import type { Explanation } from '../../src/domain/failures/rule.ts'
import { Explainer, findFailure } from '../../src/domain/failures/service.ts'
import { SCOPES } from '../../src/oidc/claims.ts'
import {
  type Answer,
  JANE,
  newAgent,
  onEveryStack,
  post,
  type SendOptions,
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

const { privateKey, publicKey } = await generateKeyPair('ES256')
const jwk = await exportJWK(publicKey)
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const API = 'https://api.example.org'
const { client_secret: _, ...keyed } = webClient({ client_id: 'keyed' })
const clients = [
  webClient({ redirect_uris: [CALLBACK, 'http://localhost:9/other'] }),
  publicClient(),
  webClient({ client_id: 'narrow', scope: 'openid email' }),
  {
    ...keyed,
    token_endpoint_auth_method: 'private_key_jwt',
    grant_types: ['authorization_code', 'client_credentials'],
    jwks: { keys: [{ ...jwk, kid: 'k', alg: 'ES256', use: 'sig' }] },
  },
]
const INITIAL_ACCESS_TOKEN = 'the-initial-access-token-of-this-test'
const settings = {
  INITIAL_ACCESS_TOKEN,
  RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'] }]),
}
const NONE = { perNetwork: 1_000, perClient: 1_000, inAll: 1_000 }
const AS_WEB: SendOptions = { basic: ['web', RP_SECRET] }

onEveryStack('a failure explained', { overrides: { clients, failureLimits: NONE }, settings }, (app) => {
  async function explained(requestId: string | null): Promise<Explanation> {
    const { failures, clients, resourceServers } = app.app.storage.database
    const server = { issuer: app.issuer, scopes: SCOPES }
    // Written after the answer, so it may not be there yet.
    for (let tries = 0; tries < 100; tries += 1) {
      const failure = await findFailure(failures, String(requestId))
      if (failure) return new Explainer({ clients, resourceServers, server }).explain(failure, 'operator')
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`no failure under ${requestId}`)
  }
  const why = ({ headers }: Answer) => explained(headers.get('x-request-id'))

  /** An authorization request with some parameters changed, or taken out by `undefined`. */
  async function asked(changes: Record<string, string | undefined>, id = 'web') {
    const { url } = await begin(await discover(app.issuer, id))
    for (const [name, value] of Object.entries(changes))
      if (value === undefined) url.searchParams.delete(name)
      else url.searchParams.set(name, value)
    return why(await send('GET', url.href, undefined, { headers: { accept: 'text/html' } }))
  }
  const token = async (form: Record<string, string | string[]>, options: SendOptions = AS_WEB) =>
    why(await post(`${app.issuer}/token`, form, options))
  async function code() {
    const rp = await discover(app.issuer)
    const started = await begin(rp)
    const { url } = await walk(newAgent(), started.url, JANE)
    return {
      grant_type: 'authorization_code',
      code: String(new URL(url).searchParams.get('code')),
      redirect_uri: CALLBACK,
      code_verifier: started.checks.pkceCodeVerifier,
    }
  }
  function assertion(claims: Record<string, unknown>) {
    const now = Math.floor(Date.now() / 1000)
    const payload = {
      iss: 'keyed',
      sub: 'keyed',
      aud: app.issuer,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
    }
    return new SignJWT({ ...payload, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k' })
      .sign(privateKey)
  }
  const asKeyed = async (claims: Record<string, unknown>) =>
    token(
      {
        grant_type: 'client_credentials',
        client_assertion_type: ASSERTION,
        client_assertion: await assertion(claims),
      },
      {},
    )

  it('names how a redirect address differs from the nearest registered one', async () => {
    const slash = await asked({ redirect_uri: `${CALLBACK}/` })
    expect(slash).to.deep.include({
      cause: 'redirect-uri-unregistered',
      nearest: CALLBACK,
      difference: 'has a slash at the end',
    })
    expect(slash.change).to.include(CALLBACK)
    const several = await asked({ redirect_uri: 'https://127.0.0.1:8080/callback' })
    expect(several.difference).to.match(
      /https.*http.*; says 127\.0\.0\.1.*localhost.*; has port 8080.*port 9/,
    )
    expect((await asked({ redirect_uri: undefined })).cause).to.equal('redirect-uri-missing')
  })

  it('names the nearest client id to an operator', async () => {
    expect(await asked({ client_id: 'wbe' })).to.deep.include({ cause: 'client-unknown', nearest: 'web' })
    expect((await asked({ client_id: 'somebody-else-altogether' })).nearest).to.equal(undefined)
    const atToken = await token({ grant_type: 'client_credentials' }, { basic: ['narow', 'x'] })
    expect(atToken).to.deep.include({ cause: 'client-unknown', nearest: 'narrow', sent: 'narow' })
  })

  it('knows what is wrong with PKCE, from both ends', async () => {
    const none = { code_challenge: undefined, code_challenge_method: undefined }
    expect((await asked(none)).cause).to.equal('pkce-missing')
    expect((await asked({ code_challenge_method: 'plain' })).cause).to.equal('pkce-plain')
    expect((await asked({ code_challenge_method: undefined })).cause).to.equal('pkce-plain')
    expect((await asked({ code_challenge: 'short' })).cause).to.equal('pkce-challenge-malformed')
    const { code_verifier: _verifier, ...form } = await code()
    expect((await token(form)).cause).to.equal('pkce-verifier-missing')
    const wrong = await token({ ...form, code_verifier: client.randomPKCECodeVerifier() })
    expect(wrong.cause).to.equal('pkce-verifier-wrong')
    expect(wrong.sent).to.include('present, 43 characters')
  })

  it('knows a code that was used, is unknown, or came with another redirect address', async () => {
    const form = await code()
    expect(await token({ ...form, redirect_uri: 'http://localhost:9/other' })).to.deep.include({
      cause: 'redirect-uri-not-of-the-code',
      sent: 'http://localhost:9/other',
    })
    expect((await post(`${app.issuer}/token`, form, AS_WEB)).status).to.equal(200)
    expect((await token(form)).cause).to.equal('code-used')
    expect((await token({ ...form, code: 'never-issued-0123456789' })).cause).to.equal('code-unknown')
  })

  it('knows how a client failed to say who it is', async () => {
    const form = { grant_type: 'refresh_token', refresh_token: 'x' }
    expect((await token(form, { basic: ['web', 'wrong-secret'] })).cause).to.equal('client-secret-wrong')
    expect(await token({ ...form, client_id: 'web' }, {})).to.deep.include({
      cause: 'client-not-authenticated',
      expected: 'client_secret_basic',
    })
    expect(await token(form, { basic: ['spa', 'a-secret'] })).to.deep.include({
      cause: 'client-authentication-method',
      sent: 'client_secret_basic',
      expected: 'none',
    })
    expect((await token({ ...form, client_secret: RP_SECRET })).cause).to.equal('client-authenticated-twice')
    expect((await token(form, {})).cause).to.equal('client-id-missing')
    expect((await token(form, { headers: { authorization: 'Basic %' } })).cause).to.equal(
      'authorization-header-malformed',
    )
  })

  it('measures clocks that differ', async () => {
    const now = Math.floor(Date.now() / 1000)
    const late = await asKeyed({ iat: now - 150, exp: now - 90 })
    expect(late.cause).to.equal('clock-behind')
    expect(late.summary).to.match(/^The client assertion is (89|9\d) seconds behind/)
    const early = await asKeyed({ iat: now + 90, exp: now + 150 })
    expect(early.cause).to.equal('clock-ahead')
    expect(early.summary).to.match(/is (8\d|90) seconds ahead/)
    const keys = await generateKeyPair('ES256')
    const proof = await new SignJWT({
      jti: randomUUID(),
      iat: now - 400,
      htm: 'POST',
      htu: `${app.issuer}/token`,
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(keys.publicKey) })
      .sign(keys.privateKey)
    // Whose clock is off is given a nonce instead, which says what time it is here (RFC 9449 8).
    const { json } = await post(`${app.issuer}/token`, await code(), { ...AS_WEB, headers: { dpop: proof } })
    expect(json.error).to.equal('use_dpop_nonce')
  })

  it('knows what is wrong with a client assertion', async () => {
    expect(await asKeyed({ aud: 'https://elsewhere.example' })).to.deep.include({
      cause: 'client-assertion',
      sent: 'aud https://elsewhere.example',
      expected: `aud ${app.issuer}`,
    })
    const jti = randomUUID()
    await asKeyed({ jti, aud: 'https://elsewhere.example' })
    const form = { grant_type: 'client_credentials', client_assertion_type: ASSERTION }
    const once = await assertion({ jti })
    expect((await post(`${app.issuer}/token`, { ...form, client_assertion: once })).status).to.equal(200)
    const again = await token({ ...form, client_assertion: once }, {})
    expect(again.summary).to.include('it was used before')
  })

  it('knows grant types, scopes and resources, and the nearest of each', async () => {
    expect(await token({ grant_type: 'client_credentials' })).to.deep.include({
      cause: 'grant-type-not-allowed',
      expected: 'authorization_code or refresh_token',
    })
    expect(await token({ grant_type: 'refresh_tokens' })).to.deep.include({
      cause: 'grant-type-unknown',
      nearest: 'refresh_token',
    })
    expect(await asked({ scope: 'openid phone' }, 'narrow')).to.deep.include({
      cause: 'scope-not-allowed',
      expected: 'openid email',
    })
    expect(await asked({ resource: `${API}/` })).to.deep.include({ cause: 'resource-unknown', nearest: API })
    expect((await asked({ resource: 'api' })).cause).to.equal('resource-malformed')
    const { tokens } = await signIn(await discover(app.issuer), {
      scope: 'openid offline_access',
      prompt: 'consent',
    })
    const form = { grant_type: 'refresh_token', refresh_token: String(tokens.refresh_token) }
    expect((await token({ ...form, scope: 'openid phone' })).cause).to.equal('scope-wider-than-granted')
    expect((await token({ ...form, refresh_token: 'unknown-refresh-token' })).cause).to.equal(
      'refresh-token-unknown',
    )
  })

  it('knows prompt, max_age and what else an authorization request holds', async () => {
    expect(await asked({ prompt: 'logn' })).to.deep.include({ cause: 'prompt-unknown', nearest: 'login' })
    expect((await asked({ prompt: 'none login' })).cause).to.equal('prompt-none-combined')
    expect((await asked({ prompt: 'none' })).cause).to.equal('login-required')
    expect((await asked({ max_age: 'soon' })).cause).to.equal('max-age-malformed')
    expect((await asked({ response_type: 'id_token token' })).cause).to.equal('response-type-unknown')
    expect((await asked({ response_type: undefined })).cause).to.equal('parameter-missing')
    expect((await asked({ response_mode: 'formpost' })).nearest).to.equal('form_post')
    expect((await asked({ request: 'a.b.c' })).cause).to.equal('request-object')
    expect((await asked({ claims: '{' })).cause).to.equal('claims-malformed')
    expect((await asked({ id_token_hint: 'not.a.token' })).cause).to.equal('id-token-hint')
    expect((await asked({ request_uri: 'urn:ietf:params:oauth:request_uri:gone' })).cause).to.equal(
      'request-uri-over',
    )
  })

  it('knows what was wrong at the other endpoints', async () => {
    const at = async (path: string, form: Record<string, string | string[]>, options: SendOptions = AS_WEB) =>
      (await why(await post(app.issuer + path, form, options))).cause
    const pushed = { client_id: 'web', response_type: 'code', redirect_uri: `${CALLBACK}x` }
    expect(await at('/par', pushed)).to.equal('redirect-uri-unregistered')
    expect(await at('/introspect', {})).to.equal('parameter-missing')
    expect(await at('/revoke', { token: 'x' }, { basic: ['web', 'wrong-secret'] })).to.equal(
      'client-secret-wrong',
    )
    expect(await at('/device/auth', { scope: 'openid' })).to.equal('grant-type-not-allowed')
    expect(await at('/userinfo', {}, { bearer: 'no-such-access-token' })).to.equal('access-token-unknown')
    expect(await at('/userinfo', {}, {})).to.equal('access-token-missing')
    expect(await at('/token', { grant_type: ['refresh_token', 'x'] })).to.equal('parameter-twice')
    const reg = async (body: object, bearer: string) =>
      (await why(await sendJson('POST', `${app.issuer}/reg`, body, { bearer }))).cause
    expect(await reg({}, 'not-the-initial-access-token')).to.equal('initial-access-token')
    expect(await reg({ redirect_uris: ['http://app.example.org/cb'] }, INITIAL_ACCESS_TOKEN)).to.equal(
      'client-metadata',
    )
    const json = await sendJson('POST', `${app.issuer}/token`, { grant_type: 'refresh_token' }, AS_WEB)
    expect((await why(json)).cause).to.equal('body-type')
    const out = await send(
      'GET',
      `${app.issuer}/session/end?client_id=web&post_logout_redirect_uri=${encodeURIComponent('http://localhost:9/signed-out/')}`,
      undefined,
      { headers: { accept: 'text/html' } },
    )
    expect(await why(out)).to.deep.include({
      cause: 'post-logout-redirect-uri-unregistered',
      difference: 'has a slash at the end',
    })
  })
})
