import { expect } from 'chai'
import { Redis } from 'ioredis'
import * as client from 'openid-client'
import { newAgent, onEveryStack, post, responseOf, sendJson, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, discover, publicClient, RP_SECRET, webClient } from '../support/relying-party.ts'

const TOKEN = 'an-initial-access-token-of-the-test-0123456789'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'
const clients = [
  webClient({ grant_types: ['authorization_code', 'refresh_token', 'client_credentials'] }),
  publicClient({ client_id: 'tv', grant_types: [DEVICE_CODE], response_types: [], redirect_uris: [] }),
]
const options = { settings: { INITIAL_ACCESS_TOKEN: TOKEN }, overrides: { clients } }

onEveryStack('secrets at rest', options, (app) => {
  /** All that is stored anywhere: every row of every table, every key and value of Redis. */
  async function everythingStored(): Promise<string[]> {
    const stored = await app.sql.dump()
    if (!app.secrets.redisUrl) return stored
    const redis = new Redis(app.secrets.redisUrl)
    try {
      for (const key of await redis.keys('*')) {
        const value = (await redis.type(key)) === 'string' ? await redis.get(key) : await redis.hgetall(key)
        stored.push(`redis ${key} ${JSON.stringify(value)}`)
      }
      return stored
    } finally {
      redis.disconnect()
    }
  }

  /** The forms in which a value could stand in a row: as text, as bytes, as the bytes it encodes. */
  function formsOf(secret: string): string[] {
    const bytes = Buffer.from(secret, 'base64url')
    return [
      secret,
      Buffer.from(secret).toString('hex'),
      Buffer.from(secret).toString('base64').replace(/=+$/, ''),
      ...(bytes.length >= 16 ? [bytes.toString('hex'), bytes.toString('base64').replace(/=+$/, '')] : []),
    ]
  }

  function expectAbsent(stored: string[], name: string, secret: string | undefined): void {
    expect(secret, name).to.be.a('string').with.length.of.at.least(8)
    for (const form of formsOf(String(secret))) {
      const row = stored.find((text) => text.includes(form))
      expect(row?.slice(0, 300), `${name} stands in a row`).to.equal(undefined)
    }
  }

  it('finds what does stand in a row, so that finding nothing means something', async () => {
    await app.sql.query(
      `insert into ephemeral (key, value, expires_at) values ('planted', 'S3cretValueOfTheTest', now())`,
    )
    const stored = await everythingStored()
    expect(stored.some((row) => row.includes('S3cretValueOfTheTest'))).to.equal(true)
    const bytes = await app.sql.query(`select 1 from signing_keys`)
    expect(stored.filter((row) => row.startsWith('signing_keys ')).length).to.equal(bytes.length)
    expect(stored.find((row) => row.startsWith('signing_keys '))).to.match(/\\x[0-9a-f]{64}/)
  })

  it('holds nothing that opens anything: codes, tokens, session cookies', async () => {
    const rp = await discover(app.issuer)
    const { agent, tokens, callback } = await signIn(rp, {
      scope: 'openid email offline_access',
      prompt: 'consent',
    })
    const silent = await begin(rp, { prompt: 'none' })
    const unused = responseOf((await agent.get(silent.url.href)).url).code
    const machine = await client.clientCredentialsGrant(rp)
    const stored = await everythingStored()
    expect(stored.filter((row) => row.startsWith('oidc_authorization_codes ')).length).to.be.at.least(2)
    expectAbsent(stored, 'a used code', responseOf(callback).code)
    expectAbsent(stored, 'an unused code', unused)
    expectAbsent(stored, 'the access token', tokens.access_token)
    expectAbsent(stored, 'the refresh token', tokens.refresh_token)
    expectAbsent(stored, 'the ID token', tokens.id_token)
    expectAbsent(stored, 'the session cookie', agent.cookie('ostiary_session'))
    expectAbsent(stored, 'the cookie’s signature', agent.cookie('ostiary_session.sig'))
    expectAbsent(stored, 'the machine’s token', machine.access_token)
  })

  it('holds no device code and no user code, waiting or approved', async () => {
    const { json } = await post(`${app.issuer}/device/auth`, { client_id: 'tv', scope: 'openid' })
    const stored = await everythingStored()
    expectAbsent(stored, 'the device code', json.device_code)
    expectAbsent(stored, 'the user code', json.user_code)
    expectAbsent(stored, 'the user code without its dash', json.user_code.replace('-', ''))
  })

  it('holds no request_uri of a pushed request', async () => {
    const { url } = await begin(await discover(app.issuer))
    const form = Object.fromEntries(url.searchParams)
    const { json } = await post(`${app.issuer}/par`, form, { basic: ['web', RP_SECRET] })
    expectAbsent(await everythingStored(), 'the request_uri', json.request_uri.split(':').at(-1))
  })

  it('holds no client secret and no token of registration', async () => {
    const { json } = await sendJson(
      'POST',
      `${app.issuer}/reg`,
      { redirect_uris: [CALLBACK] },
      { bearer: TOKEN },
    )
    const stored = await everythingStored()
    expectAbsent(stored, 'a registered secret', json.client_secret)
    expectAbsent(stored, 'a configured secret', RP_SECRET)
    expectAbsent(stored, 'the registration access token', json.registration_access_token)
    expectAbsent(stored, 'the initial access token', TOKEN)
  })

  it('holds nothing of the session in a sign-in that has only begun', async () => {
    const rp = await discover(app.issuer)
    const { agent } = await signIn(rp)
    const started = await begin(rp, { prompt: 'login' })
    await agent.get(started.url.href)
    const stored = await everythingStored()
    expect(stored.some((row) => row.startsWith('oidc_interactions '))).to.equal(true)
    expectAbsent(stored, 'the session cookie', agent.cookie('ostiary_session'))
    expectAbsent(stored, 'the state', started.checks.expectedState)
  })

  it('holds the private keys sealed only', async () => {
    const stored = (await everythingStored()).join('\n')
    const { jwks, cookieKeys } = await readKeys()
    expect(jwks.length).to.equal(2)
    expect(cookieKeys.length).to.equal(1)
    for (const key of jwks)
      for (const member of ['d', 'p', 'q', 'dp', 'dq', 'qi'])
        if (key[member] !== undefined)
          for (const form of formsOf(String(key[member]))) expect(stored).to.not.include(form)
    for (const key of cookieKeys) for (const form of formsOf(key)) expect(stored).to.not.include(form)
    expect(stored).to.not.match(/"d"|PRIVATE KEY/)
  })

  it('writes none of them into the log', async () => {
    const rp = await discover(app.issuer)
    const { agent, tokens, callback } = await signIn(rp)
    await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    await client.tokenRevocation(rp, String(tokens.refresh_token))
    await newAgent().get(`${app.issuer}/auth?client_id=web&redirect_uri=https://evil.example/`)
    const lines = app.logs.map((line) => JSON.stringify(line))
    expect(lines.length).to.be.at.least(5)
    for (const secret of [
      ...[tokens.access_token, tokens.refresh_token, tokens.id_token, responseOf(callback).code],
      ...[agent.cookie('ostiary_session'), RP_SECRET, TOKEN],
    ])
      expect(lines.find((line) => line.includes(String(secret)))?.slice(0, 300)).to.equal(undefined)
  })

  /** The keys as the running app has them, opened. */
  async function readKeys(): Promise<{ jwks: Record<string, unknown>[]; cookieKeys: string[] }> {
    const keys = await app.app.storage.database.signingKeys.list()
    return {
      jwks: keys.filter(({ line }) => line !== 'cookie').map(({ jwk }) => jwk),
      cookieKeys: keys.filter(({ line }) => line === 'cookie').map(({ jwk }) => String(jwk.k)),
    }
  }
})
