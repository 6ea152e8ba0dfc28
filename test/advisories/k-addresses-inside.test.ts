/**
 * Advisory group K (requests that a stranger makes the provider send): the fields that `test/attacks/outbound.test.ts`
 * has not: client ID metadata documents and the keys they name, keys of a software statement's issuer, the CIBA
 * notification endpoint, and addresses that are only shown. No packet leaves for a network that is denied.
 * CVE-2025-67494, CVE-2026-27945, CVE-2026-55671, CVE-2024-49753, CVE-2026-56739, CVE-2026-5469, GHSA-5rr4-8452-hf4v
 */
import { expect } from 'chai'
import { generateKeyPair, SignJWT } from 'jose'
import { type DocumentHost, startDocumentHost } from '../support/document-host.ts'
import { INSIDE_TARGETS } from '../support/inside-targets.ts'
import { createPerson } from '../support/people.ts'
import { newAgent, post, sendJson } from '../support/protocol.ts'
import { CALLBACK, PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { type SocketWatch, watchSockets } from '../support/sockets.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'

const TOKEN = 'an-initial-access-token-of-the-tests-0001'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const CIBA = 'urn:openid:params:grant-type:ciba'
const STATED = INSIDE_TARGETS.map((target, index) => ({
  issuer: `https://directory-${index}.example.org`,
  jwks_uri: target,
}))
const many = 1_000_000
const pinged = (target: string, index: number) =>
  webClient({
    client_id: `pinged-${index}`,
    grant_types: ['authorization_code', 'refresh_token', CIBA],
    backchannel_token_delivery_mode: 'ping',
    backchannel_client_notification_endpoint: target,
  })

describe('advisories K: addresses inside', function () {
  this.timeout(180_000)
  let running: RunningApp
  let host: DocumentHost
  let sockets: SocketWatch
  before(async () => {
    host = await startDocumentHost(CALLBACK)
    running = await startApp({
      settings: {
        INITIAL_ACCESS_TOKEN: TOKEN,
        CLIENT_ID_METADATA: 'open',
        OUTBOUND_ALLOW: host.origin,
        SOFTWARE_STATEMENT_ISSUERS: JSON.stringify(STATED),
      },
      overrides: {
        clients: INSIDE_TARGETS.map(pinged),
        limits: { documentNetwork: many, documentHost: many, approvalPerson: many, approvalClient: many },
        failureLimits: { perNetwork: many, inAll: many, perClient: many },
      },
    })
  })
  after(async () => {
    await running?.close()
    await host?.close()
  })
  beforeEach(() => {
    sockets = watchSockets()
  })
  afterEach(() => sockets.stop())

  /** Connected to was the provider, by the test, and the host that the operator listed. */
  function nothingLeft(): void {
    const known = [running.issuer, host.origin].map((origin) => `:${new URL(origin).port}`)
    const others = sockets.destinations.filter((to) => !known.some((port) => to.endsWith(port)))
    expect(others).to.deep.equal([])
  }

  const assertionOf = async (id: string) => {
    const { privateKey } = await generateKeyPair('ES256')
    return new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer(id)
      .setSubject(id)
      .setAudience(running.issuer)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(privateKey)
  }

  it('as a client_id that is the address of a document (CVE-2025-67494: nobody is signed in)', async () => {
    for (const target of INSIDE_TARGETS) {
      const { status, json } = await post(`${running.issuer}/par`, {
        ...{ client_id: target, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid' },
        ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
      })
      // RFC 6749 2.3.1 says 401, 400 stands where no credentials were shown; 503 is what an address out of reach is
      expect(status, target).to.be.oneOf([400, 401, 503])
      expect(json.error, target).to.be.oneOf(['invalid_client', 'temporarily_unavailable'])
      expect(JSON.stringify(json), 'does not tell what is there').to.not.match(/ECONN|leads to/)
    }
    nothingLeft()
  })

  it('as jwks_uri in the document of a host that is listed (CVE-2026-27945)', async () => {
    for (const [index, target] of INSIDE_TARGETS.entries()) {
      const id = host.put(`/inside/${index}.json`, {
        ...{ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' },
        jwks_uri: target,
      })
      const { status, json } = await post(`${running.issuer}/par`, {
        ...{ client_id: id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid' },
        ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
        ...{ client_assertion_type: ASSERTION, client_assertion: await assertionOf(id) },
      })
      expect([status, json.error], target).to.deep.equal([401, 'invalid_client'])
    }
    expect(host.asked, 'each document was read').to.have.length(INSIDE_TARGETS.length)
    nothingLeft()
  })

  it('as jwks_uri of an issuer of software statements (CVE-2026-55671)', async () => {
    const { privateKey } = await generateKeyPair('ES256')
    for (const { issuer, jwks_uri } of STATED) {
      const software_statement = await new SignJWT({ client_name: 'Stated' })
        .setProtectedHeader({ alg: 'ES256' })
        .setIssuer(issuer)
        .setIssuedAt()
        .sign(privateKey)
      const metadata = { redirect_uris: ['https://app.example.org/cb'], software_statement }
      const { status, json } = await sendJson('POST', `${running.issuer}/reg`, metadata, { bearer: TOKEN })
      expect([status, json.error], jwks_uri).to.deep.equal([503, 'temporarily_unavailable'])
    }
    nothingLeft()
  })

  it('as the endpoint that an app is told at (CIBA Core 1.0 10.2; CVE-2024-49753)', async () => {
    const email = 'asked@example.org'
    await createPerson(running, { email })
    // One by one by the outbox, as it happens: a few of each kind of spelling.
    const some = INSIDE_TARGETS.flatMap((target, index) => (index % 8 === 0 ? [{ target, index }] : []))
    for (const [seen, { target, index }] of some.entries()) {
      const asked = await post(
        `${running.issuer}/backchannel`,
        { scope: 'openid', login_hint: email, client_notification_token: 'a-notification-token-0123456789' },
        { basic: [`pinged-${index}`, RP_SECRET] },
      )
      expect(asked.status, `${target} ${asked.text}`).to.equal(200)
      const { text } = await running.nextMail(email, seen)
      const agent = newAgent()
      const page = await agent.get(/https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? '')
      expect((await agent.submit(page, { answer: 'deny', password: PASSWORD }, '/approve/')).status).to.equal(
        200,
      )
    }
    const sql = await sqlOf(running)
    const dead = async () =>
      (await sql.query("select 1 from outbox where kind = 'ciba-ping' and dead_at is not null")).length
    for (let tries = 0; tries < 400 && (await dead()) < some.length; tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 25))
    expect(await dead(), 'given up as refused, without a second try').to.equal(some.length)
    await sql.close()
    nothingLeft()
  })

  it('as addresses that are only shown or opened by browsers: nobody looks at them', async () => {
    for (const target of INSIDE_TARGETS) {
      const metadata = {
        redirect_uris: ['https://app.example.org/cb'],
        ...{ client_uri: target, logo_uri: target, policy_uri: target, tos_uri: target },
        ...{ initiate_login_uri: target, frontchannel_logout_uri: target },
      }
      const { status } = await sendJson('POST', `${running.issuer}/reg`, metadata, { bearer: TOKEN })
      expect(status, target).to.be.oneOf([201, 400])
    }
    nothingLeft()
  })

  it('as request_uri or as the subject of a request: it is no address here (RFC 9101 5.2.1)', async () => {
    for (const target of INSIDE_TARGETS) {
      const query = new URLSearchParams({ client_id: 'pinged-0', request_uri: target })
      const page = await newAgent().get(`${running.issuer}/auth?${query}`)
      expect(page.status, target).to.equal(400)
    }
    nothingLeft()
  })
})
