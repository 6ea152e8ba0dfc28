/** OpenID Connect CIBA Core 1.0, ping mode: the app is told, from the outbox, that there is an answer. */
import { randomUUID } from 'node:crypto'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect } from 'chai'
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { LOCALHOST_CERTIFICATE } from '../support/own-certificate.ts'
import { createPerson } from '../support/people.ts'
import { newAgent, onEveryStack, post, type SendOptions } from '../support/protocol.ts'
import { PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const TOKEN = 'a-notification-token-0123456789'

interface Told {
  path: string
  authorization: string | undefined
  type: string | undefined
  body: string
}
const trusted = getCACertificates('default')
const keys = await generateKeyPair('ES256', { extractable: true })
const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] }
let server: Server
let told: Told[] = []
let status = 204

/** The app's end: a real server that keeps what it is told. */
async function listen(): Promise<string> {
  server = createServer(LOCALHOST_CERTIFICATE, async (req, res) => {
    if (req.url === '/jwks') {
      res.setHeader('content-type', 'application/json').end(JSON.stringify(jwks))
      return
    }
    const chunks: Buffer[] = []
    for await (const chunk of req) chunks.push(chunk as Buffer)
    const { authorization, 'content-type': type } = req.headers
    told.push({ path: String(req.url), authorization, type, body: Buffer.concat(chunks).toString() })
    res.statusCode = status
    res.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `https://localhost:${(server.address() as AddressInfo).port}`
}

async function close(): Promise<void> {
  server?.closeAllConnections()
  await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()))
}

async function options() {
  await close()
  setDefaultCACertificates([...trusted, LOCALHOST_CERTIFICATE.cert])
  const origin = await listen()
  const pinged = (client_id: string, endpoint: string) =>
    webClient({
      client_id,
      grant_types: ['authorization_code', 'refresh_token', CIBA],
      backchannel_token_delivery_mode: 'ping',
      backchannel_client_notification_endpoint: endpoint,
    })
  const clients = [
    pinged('web', `${origin}/told`),
    // Inside, and on no list: nobody calls there.
    pinged('inside', 'https://localhost:9/told'),
    {
      client_id: 'sector',
      subject_type: 'pairwise',
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'ES256',
      jwks_uri: `${origin}/jwks`,
      redirect_uris: [],
      response_types: [],
      grant_types: [CIBA],
      backchannel_token_delivery_mode: 'poll',
    },
  ]
  return { settings: { OUTBOUND_ALLOW: origin }, overrides: { clients }, people: [] }
}

onEveryStack('backchannel authentication by ping', options, (app) => {
  after(async () => {
    setDefaultCACertificates(trusted)
    await close()
  })
  beforeEach(() => {
    told = []
    status = 204
  })
  let people = 0
  const basic = (id: string): SendOptions => ({ basic: [id, RP_SECRET] })

  async function asked(id = 'web') {
    people += 1
    const email = `pinged-${people}@example.org`
    await createPerson(app, { email })
    const fields = { scope: 'openid', login_hint: email, client_notification_token: TOKEN }
    const { json } = await post(`${app.issuer}/backchannel`, fields, basic(id))
    const agent = newAgent()
    const link = /https?:\/\/\S+\/approve\/\S+/.exec((await app.nextMail(email)).text)?.[0] ?? ''
    const page = await agent.get(link)
    const say = (answer: string) => agent.submit(page, { answer, password: PASSWORD }, '/approve/')
    const fetchTokens = () =>
      post(`${app.issuer}/token`, { grant_type: CIBA, auth_req_id: json.auth_req_id }, basic(id))
    return { id: String(json.auth_req_id), say, fetchTokens }
  }
  async function heard(count: number): Promise<Told[]> {
    for (let tries = 0; tries < 400 && told.length < count; tries += 1) await sleep(25)
    await sleep(200)
    return told
  }
  const rows = () =>
    app.sql.query<{ job: object; dead: boolean }>(
      "select job, dead_at is not null as dead from outbox where kind = 'ciba-ping'",
    )

  it('tells the app with its own token, and the app fetches the tokens (10.2)', async () => {
    const { id, say, fetchTokens } = await asked()
    expect(told).to.deep.equal([])
    await say('approve')
    const [ping, ...more] = await heard(1)
    expect(more).to.deep.equal([])
    expect(ping).to.include({ path: '/told', authorization: `Bearer ${TOKEN}`, type: 'application/json' })
    expect(JSON.parse(String(ping?.body))).to.deep.equal({ auth_req_id: id })
    expect((await fetchTokens()).json.id_token).to.be.a('string')
    expect(await rows()).to.deep.equal([])
  })

  it('tells of a no, too', async () => {
    const { say, fetchTokens } = await asked()
    await say('deny')
    expect(await heard(1)).to.have.length(1)
    expect((await fetchTokens()).json.error).to.equal('access_denied')
  })

  it('tries again when the app is away, and holds no secret meanwhile', async () => {
    status = 503
    const { id, say } = await asked()
    await say('approve')
    await heard(1)
    const waiting = await rows()
    expect(waiting).to.have.length(1)
    expect(JSON.stringify(waiting)).to.not.include(id).and.not.include(TOKEN)
    status = 204
    await heard(2)
    for (let tries = 0; tries < 100 && (await rows()).length > 0; tries += 1) await sleep(100)
    expect(await rows()).to.deep.equal([])
  }).timeout(30_000)

  it('does not tell of what the app has fetched already', async () => {
    status = 503
    const { say, fetchTokens } = await asked()
    await say('approve')
    await heard(1)
    expect((await fetchTokens()).status).to.equal(200)
    status = 204
    for (let tries = 0; tries < 100 && (await rows()).length > 0; tries += 1) await sleep(100)
    expect(await rows()).to.deep.equal([])
    expect(told).to.have.length(1)
  }).timeout(30_000)

  it('calls no address inside that the operator did not list', async () => {
    const { say, fetchTokens } = await asked('inside')
    await say('approve')
    for (let tries = 0; tries < 100 && !(await rows()).some(({ dead }) => dead); tries += 1) await sleep(100)
    expect((await rows()).map(({ dead }) => dead)).to.deep.equal([true])
    expect(told).to.deep.equal([])
    expect((await fetchTokens()).status, 'polling helps').to.equal(200)
  }).timeout(30_000)

  it('names people by another name to a client of another sector, and takes no such name as a hint', async () => {
    const email = 'sector@example.org'
    const user = await createPerson(app, { email })
    const assertion = () =>
      new SignJWT({ jti: randomUUID(), iss: 'sector', sub: 'sector', aud: app.issuer })
        .setProtectedHeader({ alg: 'ES256', kid: 'one' })
        .setIssuedAt()
        .setExpirationTime('1m')
        .sign(keys.privateKey)
    const send = async (path: string, fields: Record<string, string>) =>
      post(app.issuer + path, {
        client_id: 'sector',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(),
        ...fields,
      })
    const asked = await send('/backchannel', { scope: 'openid', login_hint: email })
    expect(asked.status, asked.text).to.equal(200)
    const agent = newAgent()
    const link = /https?:\/\/\S+\/approve\/\S+/.exec((await app.nextMail(email)).text)?.[0] ?? ''
    await agent.submit(await agent.get(link), { answer: 'approve', password: PASSWORD }, '/approve/')
    const tokens = await send('/token', { grant_type: CIBA, auth_req_id: asked.json.auth_req_id })
    expect(tokens.status, tokens.text).to.equal(200)
    expect(decodeJwt(tokens.json.id_token).sub).to.not.equal(user.id)
    const hinted = await send('/backchannel', { scope: 'openid', id_token_hint: tokens.json.id_token })
    expect([hinted.status, hinted.json.error]).to.deep.equal([400, 'invalid_request'])
    expect(hinted.json.error_description).to.include('pairwise')
  }).timeout(60_000)

  for (const [how, token] of [
    ['without a notification token', undefined],
    ['with one that is no bearer token', 'two words'],
    ['with one that is too long (7.1)', 'x'.repeat(1025)],
  ] as const)
    it(`refuses a request ${how}`, async () => {
      const fields = { scope: 'openid', login_hint: 'x@example.org' }
      const sent = token === undefined ? fields : { ...fields, client_notification_token: token }
      const { status: answered, json } = await post(`${app.issuer}/backchannel`, sent, basic('web'))
      expect([answered, json.error]).to.deep.equal([400, 'invalid_request'])
    })
})
