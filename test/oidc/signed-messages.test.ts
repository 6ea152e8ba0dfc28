/** Messages that are signed, or that only the client can read: RFC 9101, JARM, RFC 9701, signed userinfo, encryption. */
import { expect } from 'chai'
import { createRemoteJWKSet, decodeProtectedHeader, exportJWK, jwtVerify, SignJWT, UnsecuredJWT } from 'jose'
import * as client from 'openid-client'
import { get, newAgent, onEveryStack, post, responseOf, signIn } from '../support/protocol.ts'
import { begin, discover, RP_SECRET, walk, webClient } from '../support/relying-party.ts'

const JANE = { email: 'jane@example.org' }
type Pair = Awaited<ReturnType<typeof client.randomDPoPKeyPair>>
let signing: Pair
let receiving: CryptoKeyPair

async function options() {
  signing = await client.randomDPoPKeyPair('ES256', { extractable: true })
  const ecdh = { name: 'ECDH', namedCurve: 'P-256' }
  receiving = (await crypto.subtle.generateKey(ecdh, true, ['deriveBits'])) as CryptoKeyPair
  const jwks = {
    keys: [
      { ...(await exportJWK(signing.publicKey)), kid: 'sign', use: 'sig', alg: 'ES256' },
      { ...(await exportJWK(receiving.publicKey)), kid: 'read', use: 'enc', alg: 'ECDH-ES' },
    ],
  }
  const clients = [
    webClient({ jwks }),
    webClient({ client_id: 'strict', jwks, require_signed_request_object: true }),
    webClient({ client_id: 'signed-userinfo', userinfo_signed_response_alg: 'ES256' }),
    webClient({ client_id: 'signed-introspection', introspection_signed_response_alg: 'ES256' }),
    webClient({
      client_id: 'sealed',
      jwks,
      id_token_signed_response_alg: 'ES256',
      id_token_encrypted_response_alg: 'ECDH-ES',
      id_token_encrypted_response_enc: 'A256GCM',
    }),
  ]
  return { overrides: { clients } }
}

onEveryStack('signed messages', options, (app) => {
  const keysOf = () => createRemoteJWKSet(new URL(`${app.issuer}/jwks`))

  async function requestObject(claims: Record<string, unknown>, key = signing.privateKey) {
    const exp = Math.floor(Date.now() / 1000) + 60
    return new SignJWT({ iss: 'web', client_id: 'web', aud: app.issuer, exp, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'sign', typ: 'oauth-authz-req+jwt' })
      .setIssuedAt()
      .sign(key)
  }

  async function parameters() {
    const { url, checks } = await begin(await discover(app.issuer))
    return { claims: Object.fromEntries(url.searchParams), checks }
  }

  const authorize = (query: Record<string, string>) =>
    get(`${app.issuer}/auth?${new URLSearchParams(query)}`, { headers: { accept: 'text/html' } })

  it('takes a signed request, and only what is signed (RFC 9101 6.3)', async () => {
    const { claims, checks } = await parameters()
    const request = await requestObject(claims)
    const url = new URL(`${app.issuer}/auth`)
    url.search = new URLSearchParams({ client_id: 'web', request, scope: 'openid profile' }).toString()
    const page = await walk(newAgent(), url, JANE)
    const rp = await discover(app.issuer)
    const tokens = await client.authorizationCodeGrant(rp, new URL(page.url), {
      ...checks,
      idTokenExpected: true,
    })
    expect(tokens.scope, 'what was beside the signed request').to.equal('openid email')
  })

  it('refuses a request that is signed by somebody else, for somebody else, or not at all (10.2)', async () => {
    const { claims } = await parameters()
    const stranger = await client.randomDPoPKeyPair('ES256')
    const unsigned = new UnsecuredJWT({ ...claims, iss: 'web', aud: app.issuer }).encode()
    const made: [string, string][] = [
      ['by another key', await requestObject(claims, stranger.privateKey)],
      ['for another issuer', await requestObject({ ...claims, aud: 'https://other.example' })],
      ['of another client', await requestObject({ ...claims, iss: 'strict', client_id: 'strict' })],
      ['expired', await requestObject({ ...claims, exp: 1 })],
      ['unsigned', unsigned],
    ]
    for (const [what, request] of made) {
      const answer = await authorize({ client_id: 'web', request })
      expect(answer.headers.get('location') ?? '', what).to.not.include('/interaction/')
      expect(answer.text + answer.headers.get('location'), what).to.match(
        /invalid_request|invalid_request_object/,
      )
    }
  })

  it('holds a client to signed requests that asks for it (10.5)', async () => {
    const { claims } = await parameters()
    const answer = await authorize({ ...claims, client_id: 'strict' })
    expect(answer.headers.get('location') ?? answer.text).to.include('invalid_request')
    const pushed = await post(`${app.issuer}/par`, claims, { basic: ['strict', RP_SECRET] })
    expect(pushed.json.error).to.equal('invalid_request')
  })

  it('fetches no request by its address: what is not pushed is not there (RFC 9126)', async () => {
    const { claims } = await parameters()
    const answer = await authorize({ ...claims, request_uri: 'http://127.0.0.1:9/request' })
    expect(answer.headers.get('location') ?? answer.text).to.match(
      /invalid_request_uri|request_uri_not_supported/,
    )
  })

  it('signs its answer when asked for response_mode=jwt (JARM 4.1)', async () => {
    const rp = await discover(app.issuer)
    client.useJwtResponseMode(rp)
    const started = await begin(rp)
    const { url } = await walk(newAgent(), started.url, JANE)
    const { response = '', ...rest } = responseOf(url)
    expect(rest).to.deep.equal({})
    const { payload } = await jwtVerify(response, keysOf(), { issuer: app.issuer, audience: 'web' })
    expect(payload).to.include.keys('code', 'state', 'exp')
    const tokens = await client.authorizationCodeGrant(rp, new URL(url), started.checks)
    expect(tokens.access_token).to.be.a('string')
  })

  it('signs refusals too', async () => {
    const rp = await discover(app.issuer)
    client.useJwtResponseMode(rp)
    const { url } = await begin(rp, { prompt: 'none' })
    const answer = await authorize(Object.fromEntries(url.searchParams))
    const { response = '' } = responseOf(String(answer.headers.get('location')))
    const { payload } = await jwtVerify(response, keysOf(), { issuer: app.issuer, audience: 'web' })
    expect(payload.error).to.equal('login_required')
  })

  it('signs userinfo for a client that registered so (OpenID Connect Core 5.3.2)', async () => {
    const rp = await discover(app.issuer, 'signed-userinfo')
    const { tokens, sub } = await signIn(rp)
    const answer = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })
    expect(answer.headers.get('content-type')).to.include('application/jwt')
    const { payload } = await jwtVerify(answer.text, keysOf(), { issuer: app.issuer })
    expect(payload).to.include({ sub, email: JANE.email, aud: 'signed-userinfo' })
  })

  it('signs introspection for a client that asks for it (RFC 9701 4, 5)', async () => {
    const rp = await discover(app.issuer, 'signed-introspection')
    const { tokens, sub } = await signIn(rp)
    const answer = await post(
      `${app.issuer}/introspect`,
      { token: tokens.access_token },
      {
        basic: ['signed-introspection', RP_SECRET],
        headers: { accept: 'application/token-introspection+jwt' },
      },
    )
    expect(answer.headers.get('content-type')).to.include('application/token-introspection+jwt')
    const { payload, protectedHeader } = await jwtVerify(answer.text, keysOf(), { issuer: app.issuer })
    expect(protectedHeader.typ).to.equal('token-introspection+jwt')
    expect(payload.token_introspection).to.include({ active: true, sub })
  })

  it('encrypts the ID token for a client that registered so (OpenID Connect Core 10.2)', async () => {
    const rp = await discover(app.issuer, 'sealed')
    client.enableDecryptingResponses(rp, ['A256GCM'], { key: receiving.privateKey as never, kid: 'read' })
    const { tokens } = await signIn(rp)
    expect(decodeProtectedHeader(String(tokens.id_token))).to.include({ alg: 'ECDH-ES', enc: 'A256GCM' })
    expect(tokens.claims()?.aud).to.equal('sealed')
    expect(String(tokens.id_token).split('.')).to.have.length(5)
  })

  it('offers no algorithm that needs the client’s secret, and none without a signature', async () => {
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    const offered = Object.entries(json).flatMap(([name, value]) =>
      /alg_values/.test(name) ? (value as string[]) : [],
    )
    expect(offered).to.have.length.above(20)
    expect(offered.filter((alg) => /^(HS|none|dir|A\d+)/.test(alg))).to.deep.equal([])
  })
})
