/** Addresses inside, in every field that makes the provider call one: refused, and nothing is sent there. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { generateKeyPair, SignJWT } from 'jose'
import { INSIDE_TARGETS } from '../support/inside-targets.ts'
import { post, sendJson } from '../support/protocol.ts'
import { type SocketWatch, watchSockets } from '../support/sockets.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

describe(`${INSIDE_TARGETS.length} addresses inside`, function () {
  this.timeout(120_000)
  let running: RunningApp
  let sockets: SocketWatch
  before(async () => {
    running = await startApp({
      settings: { INITIAL_ACCESS_TOKEN: TOKEN },
      overrides: { failureLimits: { perNetwork: 1000, inAll: 1000, perClient: 1000 } },
    })
  })
  after(() => running.close())
  beforeEach(() => {
    sockets = watchSockets()
  })
  afterEach(() => sockets.stop())

  const register = (more: Record<string, unknown>) =>
    sendJson(
      'POST',
      `${running.issuer}/reg`,
      { redirect_uris: ['https://app.example.org/cb'], ...more },
      { bearer: TOKEN },
    )

  /** All that was connected to is the provider itself, by the test. */
  function nothingLeft(): void {
    const { port } = new URL(running.issuer)
    expect(sockets.destinations.filter((to) => !to.endsWith(`:${port}`))).to.deep.equal([])
  }

  /** To the operator, not to who asked. */
  async function explained(cause: string): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      if (running.logs.some((line) => line.msg === 'explained' && line.cause === cause)) return
      await sleep(20)
    }
    throw new Error(`no failure was explained by ${cause}`)
  }

  it('as sector_identifier_uri: invalid_client_metadata', async () => {
    for (const target of INSIDE_TARGETS) {
      const { status, json } = await register({ sector_identifier_uri: target, subject_type: 'public' })
      expect([status, json.error], target).to.deep.equal([400, 'invalid_client_metadata'])
      expect(JSON.stringify(json), 'does not tell what is there').to.not.match(
        /public internet|ECONN|leads to/,
      )
    }
    nothingLeft()
    await explained('sector-identifier-unreachable')
  })

  it('as jwks_uri: no key, so invalid_client', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    for (const target of INSIDE_TARGETS) {
      const { status, json } = await register({
        jwks_uri: target,
        token_endpoint_auth_method: 'private_key_jwt',
        token_endpoint_auth_signing_alg: 'ES256',
        grant_types: ['authorization_code', 'refresh_token'],
      })
      expect(status, `${target} ${JSON.stringify(json)}`).to.equal(201)
      const id: string = json.client_id
      const assertion = await new SignJWT({ jti: id })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(id)
        .setSubject(id)
        .setAudience(running.issuer)
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(privateKey)
      const answer = await post(`${running.issuer}/token`, {
        grant_type: 'refresh_token',
        refresh_token: 'x'.repeat(43),
        client_assertion_type: ASSERTION,
        client_assertion: assertion,
      })
      expect([answer.status, answer.json.error], target).to.deep.equal([401, 'invalid_client'])
    }
    nothingLeft()
    await explained('client-keys-unreachable')
  })

  it('as backchannel_logout_uri: the app is not told', async () => {
    for (const target of INSIDE_TARGETS) {
      const { status, json } = await register({ backchannel_logout_uri: target })
      expect(status, target).to.equal(201)
      const client = (await running.app.engine.client(json.client_id)) as unknown as {
        sendLogoutToken(sub: string, sid: string): Promise<void>
      }
      const outcome = await client.sendLogoutToken('somebody', 'sid').catch((error: unknown) => error)
      expect((outcome as { failure?: string }).failure, target).to.equal('refused')
    }
    nothingLeft()
  })
})
