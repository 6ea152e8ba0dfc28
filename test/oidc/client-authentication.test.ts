import { randomUUID } from 'node:crypto'
import { expect } from 'chai'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { onEveryStack, post, refusal, signIn } from '../support/protocol.ts'
import { RP_SECRET, webClient } from '../support/relying-party.ts'

const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true })
const publicJwk: JWK = { ...(await exportJWK(publicKey)), kid: 'client-key', alg: 'ES256', use: 'sig' }
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const grants = { grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }
const { client_secret: _, ...withoutSecret } = webClient({ client_id: 'keyed', ...grants })
const clients = [
  webClient(grants),
  {
    ...withoutSecret,
    client_id: 'keyed',
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: [publicJwk] },
  },
]

onEveryStack('client authentication', { overrides: { clients } }, (app) => {
  interface Wish {
    claims?: Record<string, unknown>
    header?: Record<string, unknown>
    key?: Parameters<SignJWT['sign']>[0]
  }
  function assertion({ claims = {}, header = {}, key = privateKey }: Wish = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const payload = {
      iss: 'keyed',
      sub: 'keyed',
      aud: app.issuer,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
      ...claims,
    }
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid: 'client-key', ...header }).sign(key)
  }
  const use = (client_assertion: string, more: Record<string, string> = {}) =>
    post(`${app.issuer}/token`, {
      grant_type: 'client_credentials',
      client_assertion_type: ASSERTION,
      client_assertion,
      ...more,
    })
  const expectRefused = async (client_assertion: string, why: string) => {
    const { status, json } = await use(client_assertion)
    expect([status, json.error], why).to.deep.equal([401, 'invalid_client'])
  }

  it('by a key of its own signs people in (RFC 7523 2.2), for openid-client', async () => {
    const rp = await client.discovery(
      new URL(app.issuer),
      'keyed',
      undefined,
      client.PrivateKeyJwt({ key: privateKey, kid: 'client-key' }),
      { execute: [client.allowInsecureRequests] },
    )
    const { tokens } = await signIn(rp)
    const renewed = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(renewed.access_token).to.be.a('string')
    expect((await client.tokenIntrospection(rp, renewed.access_token)).active).to.equal(true)
  })

  it('by a key of its own works for oauth4webapi', async () => {
    const options = { [oauth.allowInsecureRequests]: true }
    const issuer = new URL(app.issuer)
    const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options))
    const me: oauth.Client = { client_id: 'keyed' }
    const proof = oauth.PrivateKeyJwt({ key: privateKey, kid: 'client-key' })
    const response = await oauth.clientCredentialsGrantRequest(as, me, proof, {}, options)
    const tokens = await oauth.processClientCredentialsResponse(as, me, response)
    expect(tokens.access_token).to.be.a('string')
  })

  it('takes an assertion once, however many bring it at the same moment (RFC 7523 3)', async () => {
    for (let round = 0; round < 4; round += 1) {
      const shared = await assertion()
      const answers = await Promise.all(Array.from({ length: 12 }, () => use(shared)))
      expect(answers.filter(({ status }) => status === 200).length).to.equal(1)
      expect(answers.filter(({ json }) => json.error === 'invalid_client').length).to.equal(11)
    }
    const one = await assertion()
    expect((await use(one)).status).to.equal(200)
    await expectRefused(one, 'afterwards')
  })

  it('refuses assertions that are for others, late, endless, or say too little (RFC 7523 3)', async () => {
    const now = Math.floor(Date.now() / 1000)
    const wrong: Record<string, Record<string, unknown>> = {
      'another audience': { aud: 'https://evil.example' },
      'another issuer': { iss: 'web' },
      'another subject': { sub: 'web' },
      'no jti': { jti: undefined },
      'no exp': { exp: undefined },
      expired: { exp: now - 60 },
      'not yet valid': { nbf: now + 60 },
      'made ahead, to be used later': { iat: now + 120, exp: now + 600 },
    }
    for (const [why, claims] of Object.entries(wrong)) await expectRefused(await assertion({ claims }), why)
    for (const iat of [now, now + 8, undefined])
      expect((await use(await assertion({ claims: { iat } }))).status, 'the control').to.equal(200)
  })

  it('refuses assertions signed with another key, with none, or with the public key as a secret (RFC 8725 3.1)', async () => {
    const other = await generateKeyPair('ES256')
    await expectRefused(await assertion({ key: other.privateKey }), 'another key')
    const [, body] = (await assertion()).split('.')
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: 'client-key' })).toString('base64url')
    await expectRefused(`${none}.${body}.`, 'none')
    const pem = new TextEncoder().encode(await exportSPKI(publicKey))
    await expectRefused(await assertion({ header: { alg: 'HS256' }, key: pem }), 'the PEM as HMAC key')
    const inHeader = { ...(await exportJWK(other.publicKey)), alg: 'ES256' }
    const embedded = await assertion({ header: { jwk: inHeader }, key: other.privateKey })
    await expectRefused(embedded, 'a key in the header')
  })

  it('refuses an assertion from a client that has a secret, and a secret from one that has a key', async () => {
    const secret = new TextEncoder().encode(RP_SECRET)
    const asWeb = {
      claims: { iss: 'web', sub: 'web' },
      header: { alg: 'HS256', kid: undefined },
      key: secret,
    }
    await expectRefused(await assertion(asWeb), 'client_secret_jwt is not announced')
    const form = { grant_type: 'client_credentials' }
    const { status, json } = await post(`${app.issuer}/token`, form, { basic: ['keyed', RP_SECRET] })
    expect([status, json.error]).to.deep.equal([401, 'invalid_client'])
  })

  it('refuses two ways at once (RFC 6749 2.3)', async () => {
    const both = { grant_type: 'client_credentials', client_id: 'web', client_secret: RP_SECRET }
    const { status, json } = await post(`${app.issuer}/token`, both, { basic: ['web', RP_SECRET] })
    expect(status).to.be.oneOf([400, 401])
    expect(json).to.not.have.property('access_token')
    const withAssertion = await use(await assertion(), { client_secret: RP_SECRET })
    expect(withAssertion.json).to.not.have.property('access_token')
  })

  it('takes a secret with reserved characters as RFC 6749 2.3.1 encodes it, and refuses broken headers', async () => {
    const form = { grant_type: 'client_credentials' }
    const good = await post(`${app.issuer}/token`, form, { basic: ['web', RP_SECRET] })
    expect(good.status).to.equal(200)
    for (const authorization of ['Basic', 'Basic !!!', 'Basic bm9jb2xvbg==', 'Basic d2ViOiU=', 'Bearer x']) {
      const answer = await post(`${app.issuer}/token`, form, { headers: { authorization } })
      expect(answer.status, authorization).to.be.oneOf([400, 401])
      expect(answer.json.error, authorization).to.be.oneOf(['invalid_request', 'invalid_client'])
    }
  })

  it('does not say whether it was the client or the secret that is wrong', async () => {
    const form = { grant_type: 'client_credentials' }
    const [unknown, wrong] = await Promise.all([
      post(`${app.issuer}/token`, form, { basic: ['nobody', RP_SECRET] }),
      post(`${app.issuer}/token`, form, { basic: ['web', 'x'.repeat(40)] }),
    ])
    expect(unknown.status).to.equal(wrong.status)
    expect(unknown.json).to.deep.equal(wrong.json)
    const refused = await refusal(
      client.clientCredentialsGrant(
        await client.discovery(new URL(app.issuer), 'web', undefined, client.ClientSecretPost('wrong'), {
          execute: [client.allowInsecureRequests],
        }),
      ),
    )
    expect(refused.error).to.equal('invalid_client')
  })
})
