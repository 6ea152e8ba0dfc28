/**
 * Mutual TLS (RFC 8705) through a proxy that ends TLS: clients that prove themselves by certificate, tokens that are
 * bound to one, and everything somebody tries who has no certificate, another one, or only a header.
 */
import { expect } from 'chai'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import * as client from 'openid-client'
import { findFailure } from '../../src/domain/failures/service.ts'
import { type Certificate, certificate } from '../support/certificates.ts'
import { type MtlsProxy, PROXY_ADDRESS, startMtlsProxy } from '../support/mtls-proxy.ts'
import { get, JANE, onEveryStack, refusal, sendJson, signIn } from '../support/protocol.ts'
import { rawRequest } from '../support/raw-request.ts'
import { PASSWORD, publicClient, webClient } from '../support/relying-party.ts'
import { UserAgent } from '../support/user-agent.ts'

const API = 'https://api.example.org'
const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const grants = ['authorization_code', 'refresh_token', 'client_credentials']
const bound = { tls_client_certificate_bound_access_tokens: true }
const NAMES = {
  dns: ['batch.example.org'],
  uri: ['urn:example:batch'],
  email: ['batch@example.org'],
  ip: [[192, 0, 2, 1]],
}

let proxy: MtlsProxy
/** of the client `own`, and of nobody */
let own: Certificate
let other: Certificate
/** of the proxy's authority, and with the same names of nobody's */
let issued: Certificate
let forged: Certificate

async function options() {
  await proxy?.close()
  proxy = await startMtlsProxy()
  own = certificate({ subject: [['CN', 'own']] })
  other = certificate({ subject: [['CN', 'own']] })
  const subject = [
    ['O', 'Example'],
    ['CN', 'batch'],
  ] as const
  issued = certificate({ subject, ...NAMES, issuer: proxy.authority })
  forged = certificate({ subject, ...NAMES })
  const { client_secret: _, ...plain } = webClient({ grant_types: grants })
  const selfSigned = { token_endpoint_auth_method: 'self_signed_tls_client_auth' }
  const byAuthority = { ...plain, token_endpoint_auth_method: 'tls_client_auth' }
  const clients = [
    { ...plain, ...selfSigned, ...bound, client_id: 'own', jwks: { keys: [own.jwk] } },
    { ...byAuthority, ...bound, client_id: 'subject_dn', tls_client_auth_subject_dn: 'CN=batch, O=Example' },
    { ...byAuthority, client_id: 'san_dns', tls_client_auth_san_dns: 'batch.example.org' },
    { ...byAuthority, client_id: 'san_uri', tls_client_auth_san_uri: 'urn:example:batch' },
    { ...byAuthority, client_id: 'san_email', tls_client_auth_san_email: 'batch@example.org' },
    { ...byAuthority, client_id: 'san_ip', tls_client_auth_san_ip: '192.0.2.1' },
    { ...byAuthority, client_id: 'somebody', tls_client_auth_subject_dn: 'CN=somebody else,O=Example' },
    {
      ...plain,
      ...{ client_id: 'fapi', profile: 'fapi2', redirect_uris: ['https://app.example/callback'] },
      ...{ ...selfSigned, ...bound, jwks: { keys: [own.jwk] } },
    },
    publicClient(bound),
    publicClient({ client_id: 'dpop' }),
    publicClient({ client_id: 'tv', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] }),
  ]
  return {
    settings: {
      ...{
        MTLS_ORIGIN: proxy.origin,
        MTLS_CERT_HEADER: 'SSL-Client-Cert',
        MTLS_VERIFY_HEADER: 'ssl-client-verify',
      },
      ...{ TRUSTED_PROXIES: PROXY_ADDRESS, INITIAL_ACCESS_TOKEN: TOKEN },
      RESOURCE_SERVERS: JSON.stringify([{ audience: API, scopes: ['read'] }]),
    },
    overrides: { clients },
  }
}

onEveryStack('mutual TLS', options, (app) => {
  before(() => {
    proxy.target = app.issuer
  })
  after(() => proxy.close())

  /** A relying party that shows a certificate wherever it speaks TLS, and uses the aliases (RFC 8705 5). */
  const discover = (id: string, shown: Certificate | undefined, proof = client.TlsClientAuth()) =>
    client.discovery(new URL(app.issuer), id, { use_mtls_endpoint_aliases: true }, proof, {
      execute: [client.allowInsecureRequests],
      [client.customFetch]: proxy.fetchWith(shown) as client.CustomFetch,
    })
  const machine = async (id: string, shown: Certificate | undefined) =>
    client.clientCredentialsGrant(await discover(id, shown))
  const refused = async (id: string, shown: Certificate | undefined) => {
    const { error, status } = await refusal(machine(id, shown))
    return [status, error]
  }
  const NOBODY = [401, 'invalid_client']
  const thumbprint = ({ x509 }: Certificate) =>
    Buffer.from(x509.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')

  it('is in discovery: ways to authenticate, bound tokens, addresses of their own (5)', async () => {
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json.token_endpoint_auth_methods_supported).to.include.members([
      'tls_client_auth',
      'self_signed_tls_client_auth',
    ])
    expect(json.tls_client_certificate_bound_access_tokens).to.equal(true)
    const aliases = Object.entries(json.mtls_endpoint_aliases as Record<string, string>)
    expect(aliases).to.have.length(7)
    for (const [name, url] of aliases)
      expect(url, name).to.equal(json[name].replace(app.issuer, proxy.origin))
  })

  it('proves a client with a certificate of its own, and binds its tokens to it (2.2, 3)', async () => {
    const rp = await discover('own', own)
    const { tokens, sub } = await signIn(rp)
    expect(tokens.claims()?.iss, 'the issuer stays the issuer').to.equal(app.issuer)
    const { active, cnf } = await client.tokenIntrospection(rp, tokens.access_token)
    expect([active, cnf]).to.deep.equal([true, { 'x5t#S256': thumbprint(own) }])
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.include({ email: JANE.email })
    const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(await client.fetchUserInfo(rp, renewed.access_token, sub)).to.include({ email: JANE.email })
  })

  it('makes the token worth nothing with another certificate, with none, and at the issuer (3)', async () => {
    const { tokens } = await signIn(await discover('own', own))
    const userinfo = async (shown: Certificate | undefined, origin = proxy.origin) => {
      const headers = { authorization: `Bearer ${tokens.access_token}` }
      const answer = await proxy.fetchWith(shown)(`${origin}/userinfo`, { headers })
      return [answer.status, ((await answer.json()) as { error?: string }).error]
    }
    expect(await userinfo(own)).to.deep.equal([200, undefined])
    for (const attempt of [userinfo(other), userinfo(undefined), userinfo(own, app.issuer)])
      expect(await attempt).to.deep.equal([401, 'invalid_token'])
  })

  it('stands in JWT access tokens (3.1)', async () => {
    const tokens = await client.clientCredentialsGrant(await discover('own', own), {
      resource: API,
      scope: 'read',
    })
    expect(decodeJwt(tokens.access_token).cnf).to.deep.equal({ 'x5t#S256': thumbprint(own) })
  })

  it('is taken in the form of RFC 9440 where the proxy hands it on so', async () => {
    const { port } = new URL(app.issuer)
    const send = (value: string) =>
      rawRequest(port, 'POST', '/token', atAlias({ 'ssl-client-cert': value }), form('own'), PROXY_ADDRESS)
    expect((await send(`:${own.base64}:`)).status).to.equal(200)
    expect((await send(`:${own.base64}`)).status).to.equal(401)
  })

  for (const id of ['subject_dn', 'san_dns', 'san_uri', 'san_email', 'san_ip'])
    it(`proves a client by ${id} of a certificate that the proxy has verified (2.1.2)`, async () => {
      expect((await machine(id, issued)).access_token).to.be.a('string')
      expect(await refused(id, forged), 'the same names, signed by nobody').to.deep.equal(NOBODY)
    })

  it('refuses everybody else (RFC 6749 5.2)', async () => {
    const expired = certificate({
      ...{ subject: [['CN', 'batch']], ...NAMES, issuer: proxy.authority },
      notAfter: new Date(Date.now() - 1000),
    })
    expect(await refused('somebody', issued), 'made out to another').to.deep.equal(NOBODY)
    for (const id of ['own', 'subject_dn']) {
      expect(await refused(id, undefined), 'none').to.deep.equal(NOBODY)
      expect(await refused(id, other), 'another with the same name').to.deep.equal(NOBODY)
      expect(await refused(id, expired), 'expired').to.deep.equal(NOBODY)
    }
    const { error } = await refusal(
      client.clientCredentialsGrant(await discover('own', own, client.ClientSecretPost('own'.repeat(12)))),
    )
    expect(error, 'a secret in its place').to.equal('invalid_client')
  })

  it('refuses a registered certificate that has run out, and says why to the operator', async () => {
    const past = certificate({ notAfter: new Date(Date.now() - 1000) })
    const { json } = await register({
      ...{ token_endpoint_auth_method: 'self_signed_tls_client_auth', jwks: { keys: [past.jwk] } },
    })
    const answer = await proxy.fetchWith(past)(`${proxy.origin}/token`, {
      ...{ method: 'POST', body: form(json.client_id) },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    })
    expect(answer.status).to.equal(401)
    const { failures } = app.app.storage.database
    let record = await findFailure(failures, String(answer.headers.get('x-request-id')))
    for (let tries = 0; !record && tries < 100; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20))
      record = await findFailure(failures, String(answer.headers.get('x-request-id')))
    }
    expect(record?.certificate).to.deep.include({ subject: 'CN=test', problem: 'expired', verified: false })
  })

  it('believes no header but the proxy’s, and that only at the mTLS host', async () => {
    const { port, host } = new URL(app.issuer)
    const headers = {
      'ssl-client-cert': encodeURIComponent(issued.pem),
      'client-cert': `:${issued.base64}:`,
      'ssl-client-verify': 'SUCCESS',
    }
    const ask = async (from: string, more: Record<string, string>) => {
      const { status, text } = await rawRequest(
        port,
        'POST',
        '/token',
        atAlias(more),
        form('subject_dn'),
        from,
      )
      return [status, JSON.parse(text).error]
    }
    expect(await ask(PROXY_ADDRESS, headers), 'as the proxy sends it').to.deep.equal([200, undefined])
    expect(await ask('127.0.0.1', headers), 'from somebody else').to.deep.equal(NOBODY)
    expect(await ask('127.0.0.1', { ...headers, 'x-forwarded-for': PROXY_ADDRESS })).to.deep.equal(NOBODY)
    expect(await ask(PROXY_ADDRESS, { ...headers, host }), 'at the issuer').to.deep.equal(NOBODY)
    const twice = {
      ...headers,
      'ssl-client-cert': `${headers['ssl-client-cert']}, ${headers['ssl-client-cert']}`,
    }
    expect(await ask(PROXY_ADDRESS, twice), 'appended to').to.deep.equal(NOBODY)
    for (const verdict of ['', 'NONE', 'FAILED:unable to verify', 'success', 'SUCCESS, SUCCESS', '0'])
      expect(await ask(PROXY_ADDRESS, { ...headers, 'ssl-client-verify': verdict }), verdict).to.deep.equal(
        NOBODY,
      )
  })

  it('hides the header from everything behind: no log, no stored request', () => {
    expect(JSON.stringify(app.logs)).to.not.include('BEGIN%20CERTIFICATE').and.not.include(own.base64)
  })

  it('binds refresh tokens of public clients, too (4)', async () => {
    const rp = await discover('spa', own, client.None())
    const { tokens } = await signIn(rp)
    const byOther = client.refreshTokenGrant(
      await discover('spa', other, client.None()),
      String(tokens.refresh_token),
    )
    expect((await refusal(byOther)).error).to.equal('invalid_grant')
    const byNobody = client.refreshTokenGrant(
      await discover('spa', undefined, client.None()),
      String(tokens.refresh_token),
    )
    expect((await refusal(byNobody)).error).to.equal('invalid_grant')
    expect((await client.refreshTokenGrant(rp, String(tokens.refresh_token))).access_token).to.be.a('string')
    const withoutOne = signIn(await discover('spa', undefined, client.None()))
    expect((await refusal(withoutOne)).error, 'no token without a certificate').to.equal('invalid_grant')
  })

  it('takes DPoP proofs made for the addresses of the aliases, and none made for others (RFC 9449 4.3)', async () => {
    const rp = await discover('dpop', undefined, client.None())
    const DPoP = client.getDPoPHandle(rp, await client.randomDPoPKeyPair('ES256'))
    const { tokens, sub } = await signIn(rp)
    const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token), undefined, { DPoP })
    expect(renewed.token_type).to.equal('dpop')
    expect(await client.fetchUserInfo(rp, renewed.access_token, sub, { DPoP })).to.include({ sub })
    const { privateKey, publicKey } = await generateKeyPair('ES256')
    const { port } = new URL(app.issuer)
    const ask = async (htu: string) => {
      const dpop = await new SignJWT({ htm: 'POST', htu, jti: htu + app.stack })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await exportJWK(publicKey) })
        .setIssuedAt()
        .sign(privateKey)
      const body = `${form('dpop')}&refresh_token=none`.replace('client_credentials', 'refresh_token')
      const { text } = await rawRequest(port, 'POST', '/token', atAlias({ dpop }), body, PROXY_ADDRESS)
      return JSON.parse(text).error
    }
    expect(await ask(`${app.issuer}/token`)).to.equal('invalid_dpop_proof')
    expect(await ask(`${proxy.origin}/token`), 'past the proof').to.equal('invalid_grant')
  })

  it('serves programs only at the mTLS host; what people see is at the issuer', async () => {
    const { port } = new URL(app.issuer)
    const paths = [
      '/',
      '/auth',
      '/device',
      '/jwks',
      '/reg',
      '/session/end',
      '/.well-known/openid-configuration',
    ]
    for (const path of paths) {
      const { status } = await rawRequest(port, 'GET', path, atAlias(), '', PROXY_ADDRESS)
      expect(status, path).to.equal(421)
    }
    const rp = await discover('tv', undefined, client.None())
    const { verification_uri } = await client.initiateDeviceAuthorization(rp, { scope: 'openid' })
    expect(verification_uri).to.equal(`${app.issuer}/device`)
  })

  it('is enough for fapi2, without DPoP: pushed, proven and bound by certificate', async () => {
    const rp = await discover('fapi', own)
    const pkceCodeVerifier = client.randomPKCECodeVerifier()
    const expectedState = client.randomState()
    const address = await client.buildAuthorizationUrlWithPAR(rp, {
      ...{ redirect_uri: 'https://app.example/callback', scope: 'openid email', state: expectedState },
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
    })
    const { url } = await toApp(address.href)
    const checks = { pkceCodeVerifier, expectedState, idTokenExpected: true }
    const stolen = client.authorizationCodeGrant(await discover('fapi', other), new URL(url), checks)
    expect((await refusal(stolen)).error).to.equal('invalid_client')
    const tokens = await client.authorizationCodeGrant(rp, new URL(url), checks)
    const sub = String(tokens.claims()?.sub)
    expect(await client.fetchUserInfo(rp, tokens.access_token, sub)).to.include({ email: JANE.email })
    const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    // FAPI 2.0 Security Profile 5.3.2.1: what is bound anyway is not rotated, and so is never idle.
    expect(renewed.refresh_token).to.equal(tokens.refresh_token)
    const { exp, iat } = await client.tokenIntrospection(rp, String(tokens.refresh_token))
    expect(Number(exp) - Number(iat)).to.equal(90 * 86_400)
  })

  it('can be registered for, with one name and not two (2.1.2)', async () => {
    const names = { tls_client_auth_san_dns: 'batch.example.org' }
    const one = await register({ token_endpoint_auth_method: 'tls_client_auth', ...names })
    expect([one.status, one.json.tls_client_auth_san_dns], one.text).to.deep.equal([201, 'batch.example.org'])
    expect((await machine(one.json.client_id, issued)).access_token).to.be.a('string')
    expect(await refused(one.json.client_id, forged)).to.deep.equal(NOBODY)
    for (const more of [{}, { ...names, tls_client_auth_san_uri: 'urn:x' }]) {
      const { status, json } = await register({ token_endpoint_auth_method: 'tls_client_auth', ...more })
      expect([status, json.error]).to.deep.equal([400, 'invalid_client_metadata'])
    }
  })

  const register = (metadata: object) =>
    sendJson(
      'POST',
      `${app.issuer}/reg`,
      { grant_types: ['client_credentials'], response_types: [], redirect_uris: [], ...metadata },
      { bearer: TOKEN },
    )
  const form = (id: string) =>
    new URLSearchParams({ grant_type: 'client_credentials', client_id: id }).toString()
  const atAlias = (headers: Record<string, string> = {}) => ({
    ...{ host: new URL(proxy.origin).host, accept: 'application/json' },
    'content-type': 'application/x-www-form-urlencoded',
    ...headers,
  })

  async function toApp(address: string) {
    const agent = new UserAgent()
    agent.stopAt = (url) => url.startsWith('https://app.example/')
    const page = await agent.get(address)
    const next = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    return next.forms.length === 0 ? next : agent.submit(next, {}, '/consent')
  }
})
