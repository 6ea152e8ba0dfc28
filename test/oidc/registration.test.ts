import { generateKeyPairSync } from 'node:crypto'
import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { onEveryStack, sendJson, signIn } from '../support/protocol.ts'
import { CALLBACK } from '../support/relying-party.ts'

const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const settings = { INITIAL_ACCESS_TOKEN: TOKEN }

const JWK = { format: 'jwk' } as const
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).publicKey.export(JWK)
const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export(JWK)
const withKeys = (...keys: object[]) => ({ jwks: { keys }, token_endpoint_auth_method: 'private_key_jwt' })

onEveryStack('dynamic registration', { settings }, (app) => {
  const minimal = { redirect_uris: [CALLBACK] }
  const register = (metadata: unknown, bearer: string | undefined = TOKEN, path = '/reg') =>
    sendJson('POST', app.issuer + path, metadata, bearer === '' ? {} : { bearer })
  const clientsStored = async () => (await app.sql.query('select id from clients')).length

  it('wants the initial access token the operator chose (RFC 7591 3)', async () => {
    const before = await clientsStored()
    for (const bearer of ['', 'wrong', `${TOKEN}x`, TOKEN.slice(0, -1)]) {
      const { status, json, headers } = await register(minimal, bearer)
      expect(status, bearer).to.be.oneOf([400, 401])
      expect(json).to.not.have.property('client_id')
      expect(headers.get('www-authenticate')).to.match(/^Bearer /)
    }
    expect(await clientsStored()).to.equal(before)
  })

  it('takes it again and again: it is the operator’s, not a client’s', async () => {
    const ids = await Promise.all([1, 2, 3].map(async () => (await register(minimal)).json.client_id))
    expect(new Set(ids).size).to.equal(3)
  })

  it('answers with what was registered, id, secret and the way to manage it (RFC 7591 3.2.1)', async () => {
    const metadata = {
      ...minimal,
      client_name: 'Crème brûlée counter',
      client_uri: 'https://brulee.example',
      contacts: ['chef@brulee.example'],
      post_logout_redirect_uris: ['https://brulee.example/bye'],
    }
    const { status, json, headers } = await register(metadata)
    expect(status).to.equal(201)
    expect(headers.get('cache-control')).to.equal('no-store')
    expect(json).to.include({
      client_name: metadata.client_name,
      client_uri: metadata.client_uri,
      client_secret_expires_at: 0,
      token_endpoint_auth_method: 'client_secret_basic',
    })
    expect(json.redirect_uris).to.deep.equal([CALLBACK])
    expect(json.post_logout_redirect_uris).to.deep.equal(metadata.post_logout_redirect_uris)
    expect(json.client_secret).to.match(/^[\w-]{40,}$/)
    expect(json.client_id_issued_at).to.be.closeTo(Date.now() / 1000, 10)
    expect(json.registration_client_uri).to.equal(`${app.issuer}/reg/${json.client_id}`)
    expect(json.registration_access_token).to.be.a('string')
  })

  it('says nothing of what only the operator decides', async () => {
    const { json } = await register(minimal)
    expect(json).to.not.have.any.keys('first_party', 'self_registered')
  })

  it('keeps of the secret only a digest', async () => {
    const { json } = await register(minimal)
    const [row] = await app.sql.query<{ metadata: object; secret_digest: string }>(
      'select metadata, secret_digest from clients where id = $1',
      [json.client_id],
    )
    expect(row?.secret_digest).to.match(/^hmac-sha256:1:[\w-]{43}$/)
    expect(JSON.stringify(row)).to.not.include(json.client_secret)
    expect(row?.metadata).to.not.have.property('client_secret')
  })

  it('makes an app of openid-client that signs people in, and always asks them', async () => {
    const rp = await client.dynamicClientRegistration(new URL(app.issuer), minimal, undefined, {
      initialAccessToken: TOKEN,
      execute: [client.allowInsecureRequests],
    })
    const { tokens } = await signIn(rp)
    expect(tokens.claims()?.aud).to.equal(rp.clientMetadata().client_id)
  })

  it('makes an app of oauth4webapi', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const request = oauth.dynamicClientRegistrationRequest(as, minimal, {
      ...options,
      initialAccessToken: TOKEN,
    })
    const registered = await oauth.processDynamicClientRegistrationResponse(await request)
    expect(registered.client_id).to.be.a('string')
    expect(registered.client_secret).to.be.a('string')
  })

  it('gives a public client no secret', async () => {
    const { json } = await register({ ...minimal, token_endpoint_auth_method: 'none' })
    expect(json.client_id).to.be.a('string')
    expect(json).to.not.have.property('client_secret')
  })

  it('lets nobody choose id or secret', async () => {
    const wish = { ...minimal, client_id: 'admin', client_secret: 'hmac-sha256:chosen-by-the-client-itself' }
    const { json } = await register(wish)
    expect(json.client_id).to.not.equal('admin')
    expect(json.client_secret).to.not.equal(wish.client_secret)
  })

  for (const flag of [
    { first_party: true },
    { first_party: false },
    { self_registered: false },
    { pkce_exempt: true },
    { api_permissions: ['users:read'] },
  ]) {
    const [[name]] = Object.entries(flag) as [[string, unknown]]
    it(`refuses ${JSON.stringify(flag)}, which is the operator’s to set`, async () => {
      const before = await clientsStored()
      const { status, json } = await register({ ...minimal, ...flag })
      expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
      expect(json.error_description).to.include(name)
      expect(await clientsStored()).to.equal(before)
    })
  }

  const native = { application_type: 'native' }
  const hostile: [string, Record<string, unknown>][] = [
    ['redirect_uris', { redirect_uris: [] }],
    ['redirect_uris', { redirect_uris: undefined }],
    ['redirect_uris', { redirect_uris: ['javascript:alert(1)'] }],
    ['redirect_uris', { redirect_uris: ['data:text/html,x'] }],
    ['redirect_uris', { redirect_uris: ['http://app.example/cb'] }],
    ['redirect_uris', { redirect_uris: ['https://app.example/cb#fragment'] }],
    ['redirect_uris', { redirect_uris: ['https://app.example/cb#'] }],
    ['redirect_uris', { redirect_uris: ['https://user:pass@app.example/cb'] }],
    ['redirect_uris', { redirect_uris: ['//app.example/cb'] }],
    ['redirect_uris', { redirect_uris: ['/relative'] }],
    ['redirect_uris', { redirect_uris: ['org.example.app:/cb'] }],
    ['redirect_uris', { ...native, redirect_uris: ['customscheme:/cb'] }],
    ['redirect_uris', { ...native, redirect_uris: ['javascript:/cb'] }],
    ['redirect_uris', { ...native, redirect_uris: ['http://app.example/cb'] }],
    ['redirect_uris', { redirect_uris: 'https://app.example/cb' }],
    ['redirect_uris', { redirect_uris: Array.from({ length: 51 }, (_, n) => `https://app.example/${n}`) }],
    ['client_uri', { client_uri: 'javascript:alert(1)' }],
    ['client_uri', { client_uri: 'http://app.example' }],
    ['logo_uri', { logo_uri: 'http://169.254.169.254/latest/meta-data' }],
    ['policy_uri', { policy_uri: 'ftp://app.example' }],
    ['tos_uri', { tos_uri: 'not a uri' }],
    ['initiate_login_uri', { initiate_login_uri: 'http://app.example/login' }],
    ['backchannel_logout_uri', { backchannel_logout_uri: 'http://app.example/logout' }],
    ['post_logout_redirect_uris', { post_logout_redirect_uris: ['javascript:alert(1)'] }],
    ['jwks_uri', { jwks_uri: 'http://app.example/jwks', token_endpoint_auth_method: 'private_key_jwt' }],
    ['client_name', { client_name: 'x'.repeat(201) }],
    ['client_name', { client_name: 'Nice\u0007Bell' }],
    ['client_name', { client_name: 'Nice\u202Eevil' }],
    ['client_name', { client_name: { toString: 'x' } }],
    ['grant_types', { grant_types: ['client_credentials'], token_endpoint_auth_method: 'none' }],
    ['grant_types', { grant_types: ['password'] }],
    ['grant_types', { grant_types: ['urn:ietf:params:oauth:grant-type:jwt-bearer'] }],
    ['response_types', { response_types: ['token'] }],
    ['response_types', { response_types: ['code id_token'] }],
    ['id_token_signed_response_alg', { id_token_signed_response_alg: 'none' }],
    ['id_token_signed_response_alg', { id_token_signed_response_alg: 'HS256' }],
    ['token_endpoint_auth_method', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['token_endpoint_auth_method', { token_endpoint_auth_method: 'tls_client_auth' }],
    // Ignored, it would have tokens that are bound to nothing.
    ['tls_client_certificate_bound_access_tokens', { tls_client_certificate_bound_access_tokens: true }],
    ['scope', { scope: 'openid admin' }],
    ['subject_type', { subject_type: 'ephemeral' }],
    [
      'sector_identifier_uri',
      { subject_type: 'pairwise', redirect_uris: ['https://a.example/cb', 'https://b.example/cb'] },
    ],
    ['not "password"', { grant_types: ['authorization_code', 'password'] }],
    ['not "code id_token"', { response_types: ['code', 'code id_token'] }],
    ['contacts', { contacts: ['not an address'] }],
    ['contacts', { contacts: ['javascript:alert(1)'] }],
    ['contacts', { contacts: ['a <b@example.org>'] }],
    ['contacts', { contacts: [`${'x'.repeat(200)}@example.org`] }],
    ['contacts', { contacts: Array.from({ length: 11 }, (_, n) => `chef${n}@example.org`) }],
    ['2048', { ...withKeys(rsa(1024)) }],
    ['private', { ...withKeys(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export(JWK)) }],
    ['private', { ...withKeys(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export(JWK)) }],
    ['one kid', { ...withKeys({ ...ec(), kid: 'a' }, { ...ec(), kid: 'a' }) }],
    ['at most 20', { ...withKeys(...Array.from({ length: 21 }, ec)) }],
    [
      'JSON Web Key Set',
      { jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] }, token_endpoint_auth_method: 'private_key_jwt' },
    ],
  ]
  for (const [member, change] of hostile)
    it(`refuses ${JSON.stringify(change).slice(0, 90)} and names ${member} (RFC 7591 3.2.2)`, async () => {
      const before = await clientsStored()
      const { status, json } = await register({ ...minimal, ...change })
      expect(status, JSON.stringify(json)).to.equal(400)
      expect(json.error).to.be.oneOf(['invalid_client_metadata', 'invalid_redirect_uri'])
      expect(json.error_description).to.include(member)
      expect(await clientsStored()).to.equal(before)
    })

  it('takes keys that are public, strong and told apart, and contacts that can be reached', async () => {
    const metadata = {
      ...withKeys({ ...rsa(2048), kid: 'a' }, { ...ec(), kid: 'b' }),
      contacts: ['chef@brulee.example', 'waiter@brulee.example'],
    }
    const { status, json } = await register({ ...minimal, ...metadata })
    expect(status, JSON.stringify(json)).to.equal(201)
    expect(json.jwks.keys).to.have.lengthOf(2)
    expect(json.contacts).to.deep.equal(metadata.contacts)
  })

  it('takes native apps with a reverse-domain scheme or loopback (RFC 8252 7)', async () => {
    const redirect_uris = [
      'org.example.app:/callback',
      'http://127.0.0.1/callback',
      'http://localhost/callback',
    ]
    const { status, json } = await register({ ...native, redirect_uris, token_endpoint_auth_method: 'none' })
    expect([status, json.redirect_uris]).to.deep.equal([201, redirect_uris])
  })

  it('refuses what is no JSON object, and bodies without end', async () => {
    for (const body of [[], 'text', 1, null])
      expect((await register(body)).status, JSON.stringify(body)).to.equal(400)
    const endless = { ...minimal, client_name: 'x'.repeat(200_000) }
    expect((await register(endless)).status).to.be.oneOf([400, 413])
    const nul = await register({ ...minimal, client_name: 'a\u0000b' })
    expect(nul.status).to.equal(400)
  })
})
