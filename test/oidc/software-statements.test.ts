/** Software statements (RFC 7591 2.3): what a trusted issuer says of an application wins, and nobody else is believed. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import * as jose from 'jose'
import { makeToken } from '../support/initial-access-tokens.ts'
import { onEveryStack, sendJson } from '../support/protocol.ts'

const ISSUER = 'https://directory.example.org'
const REMOTE = 'https://remote.example.org'
const REDIRECT = 'https://app.example.org/cb'

interface Key {
  private: jose.CryptoKey
  public: jose.JWK
}

async function newKey(kid: string, alg = 'ES256'): Promise<Key> {
  const pair = await jose.generateKeyPair(alg, { extractable: true })
  return { private: pair.privateKey, public: { ...(await jose.exportJWK(pair.publicKey)), kid, alg } }
}

let own: Key
let remote: Key
let stranger: Key
let listener: Server
let away = false

const start = async () => {
  own = await newKey('own')
  remote = await newKey('remote')
  stranger = await newKey('own')
  away = false
  listener = createServer((_req, res) => {
    if (away) return void res.writeHead(503).end()
    res.setHeader('content-type', 'application/json')
    res.end(JSON.stringify({ keys: [remote.public] }))
  })
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
  const issuers = [
    { issuer: ISSUER, jwks: { keys: [own.public] } },
    { issuer: REMOTE, jwks_uri: `${origin}/jwks` },
  ]
  return {
    settings: { SOFTWARE_STATEMENT_ISSUERS: JSON.stringify(issuers), OUTBOUND_ALLOW: origin },
    people: [],
  }
}

onEveryStack('software statements', start, (app) => {
  after(() => listener?.close())

  const register = async (statement: string | undefined, metadata: object = {}) =>
    sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [REDIRECT], software_statement: statement, ...metadata },
      { bearer: (await makeToken(app)).value },
    )
  const sign = (
    claims: jose.JWTPayload,
    { key = own, header = {}, issuer = ISSUER as string | null, iat = 0 } = {},
  ) => {
    const jwt = new jose.SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', kid: String(key.public.kid), ...header })
      .setIssuedAt(Math.floor(Date.now() / 1000) + iat)
    return (issuer === null ? jwt : jwt.setIssuer(issuer)).sign(key.private)
  }

  it('take the place of what the application says, and come back as they were (3.2.1)', async () => {
    const statement = await sign({
      software_id: 'shop',
      client_name: 'The shop',
      redirect_uris: ['https://attested.example.org/cb'],
    })
    const { status, json } = await register(statement, { client_name: 'The bank', software_version: '2' })
    expect(status, JSON.stringify(json)).to.equal(201)
    expect(json).to.include({
      client_name: 'The shop',
      software_id: 'shop',
      software_version: '2',
      software_statement: statement,
    })
    expect(json.redirect_uris).to.deep.equal(['https://attested.example.org/cb'])
  })

  it('cannot give what only the operator gives, nor an id or secret', async () => {
    const claims = { first_party: true, profile: 'fapi2', client_id: 'admin', client_secret: 'x'.repeat(40) }
    const { status, json } = await register(await sign(claims))
    expect(status, JSON.stringify(json)).to.equal(201)
    expect(json.client_id).to.not.equal('admin')
    expect(json.client_secret).to.not.equal(claims.client_secret)
    const stored = await app.app.storage.database.clients.find(json.client_id)
    expect([stored?.firstParty, stored?.metadata.profile]).to.deep.equal([false, undefined])
  })

  it('can make a client confidential that asked to be public, and the other way', async () => {
    const secret = await sign({ token_endpoint_auth_method: 'client_secret_basic' })
    const confidential = await register(secret, { token_endpoint_auth_method: 'none' })
    expect(confidential.json.client_secret, confidential.text).to.match(/^[\w-]{40,}$/)
    const none = await sign({ token_endpoint_auth_method: 'none' })
    expect((await register(none)).json).to.not.have.property('client_secret')
  })

  it('are checked by keys at an address too; while those are away nobody is let in by them', async () => {
    away = true
    const statement = await sign({ client_name: 'Remote' }, { key: remote, issuer: REMOTE })
    const later = await register(statement)
    expect([later.status, later.json.error]).to.deep.equal([503, 'temporarily_unavailable'])
    away = false
    const { status, json } = await register(statement)
    expect([status, json.client_name]).to.deep.equal([201, 'Remote'])
  })

  const expired = () => ({ exp: Math.floor(Date.now() / 1000) - 60 })
  const hostile: [string, string, () => Promise<string>][] = [
    ['signed by somebody else', 'invalid', () => sign({}, { key: stranger })],
    ['of the other issuer’s key', 'invalid', () => sign({}, { key: own, issuer: REMOTE })],
    ['of an issuer that nobody trusts', 'unapproved', () => sign({}, { issuer: 'https://evil.example' })],
    ['of no issuer', 'unapproved', () => sign({}, { issuer: null })],
    ['expired', 'invalid', () => sign(expired())],
    ['issued in the future', 'invalid', () => sign({}, { iat: 3600 })],
    ['for another server', 'invalid', () => sign({ aud: 'https://other.example' })],
    ['made as an access token', 'invalid', () => sign({}, { header: { typ: 'at+jwt' } })],
    ['made as a logout token', 'invalid', () => sign({}, { header: { typ: 'logout+jwt' } })],
    ['unsigned', 'invalid', async () => new jose.UnsecuredJWT({ iss: ISSUER }).setIssuedAt().encode()],
    [
      'signed with the public key as an HMAC secret',
      'invalid',
      () =>
        new jose.SignJWT({ iss: ISSUER })
          .setProtectedHeader({ alg: 'HS256', kid: 'own' })
          .setIssuedAt()
          .sign(new TextEncoder().encode(JSON.stringify(own.public))),
    ],
    ['no JWT', 'invalid', async () => 'vouched.for.me'],
    ['too long', 'invalid', () => sign({ client_name: 'x'.repeat(20_000) })],
    [
      'changed afterwards',
      'invalid',
      async () => {
        const [head, , signature] = (await sign({})).split('.')
        const claims = Buffer.from(JSON.stringify({ iss: ISSUER, iat: 1, client_name: 'x' })).toString(
          'base64url',
        )
        return [head, claims, signature].join('.')
      },
    ],
  ]
  for (const [what, kind, make] of hostile)
    it(`are refused when ${what} (3.2.2)`, async () => {
      const before = (await app.sql.query('select id from clients')).length
      const { status, json } = await register(await make())
      expect([status, json.error]).to.deep.equal([400, `${kind}_software_statement`])
      expect(json.error_description).to.be.a('string').with.length.above(5)
      expect((await app.sql.query('select id from clients')).length).to.equal(before)
    })

  it('that are not text are refused', async () => {
    for (const software_statement of [1, {}, ['x']]) {
      const { status, json } = await register(undefined, { software_statement })
      expect([status, json.error]).to.deep.equal([400, 'invalid_software_statement'])
    }
  })

  it('stay with a client: it cannot drop what was said of it, and keeps it when it has expired', async () => {
    const soon = Math.floor(Date.now() / 1000) + 1
    const statement = await sign({ redirect_uris: ['https://attested.example.org/cb'], exp: soon })
    const { json } = await register(statement)
    const change = (bearer: string, more: object) =>
      sendJson(
        'PUT',
        json.registration_client_uri,
        { client_id: json.client_id, redirect_uris: ['https://evil.example/cb'], ...more },
        { bearer },
      )
    const dropped = await change(json.registration_access_token, {})
    expect([dropped.status, dropped.json.error]).to.deep.equal([400, 'invalid_software_statement'])
    await app.sql.query('select pg_sleep(1.2)')
    const kept = await change(json.registration_access_token, { software_statement: statement })
    expect(kept.status, JSON.stringify(kept.json)).to.equal(200)
    expect(kept.json.redirect_uris).to.deep.equal(['https://attested.example.org/cb'])
    expect(kept.json.software_statement).to.equal(statement)
  })

  it('can be asked for by the token, and hold it to its limits', async () => {
    const policy = { softwareStatement: true, redirectHosts: ['app.example.org'] }
    const { value } = await makeToken(app, { policy })
    const send = (statement: string | undefined) =>
      sendJson(
        'POST',
        `${app.issuer}/reg`,
        { redirect_uris: [REDIRECT], software_statement: statement },
        { bearer: value },
      )
    expect((await send(undefined)).json.error).to.equal('invalid_software_statement')
    const elsewhere = await sign({ redirect_uris: ['https://attested.example.org/cb'] })
    expect((await send(elsewhere)).json.error).to.equal('invalid_redirect_uri')
    expect((await send(await sign({}))).status).to.equal(201)
  })
})

onEveryStack('software statements where no issuer is trusted', { people: [] }, (app) => {
  it('are ignored (RFC 7591 3.1.1)', async () => {
    const key = await newKey('own')
    const statement = await new jose.SignJWT({ client_name: 'The bank' })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(ISSUER)
      .setIssuedAt()
      .sign(key.private)
    const { value } = await makeToken(app)
    const metadata = { redirect_uris: [REDIRECT], client_name: 'App', software_statement: statement }
    const { status, json } = await sendJson('POST', `${app.issuer}/reg`, metadata, { bearer: value })
    expect([status, json.client_name]).to.deep.equal([201, 'App'])
    expect(json).to.not.have.property('software_statement')
  })
})
