/** Client ID metadata documents: apps that nobody registered, described by what is found at their client_id. */
import { expect } from 'chai'
import * as jose from 'jose'
import * as client from 'openid-client'
import { Access } from '../../src/domain/access/service.ts'
import { type DocumentHost, startDocumentHost } from '../support/document-host.ts'
import { get, JANE, newAgent, onEveryStack, post, refusal, signIn } from '../support/protocol.ts'
import { begin, CALLBACK, PASSWORD } from '../support/relying-party.ts'

let host: DocumentHost
let other: DocumentHost
const many = { documentNetwork: 10_000, documentHost: 10_000 }

const start = async () => {
  host = await startDocumentHost(CALLBACK)
  other = await startDocumentHost(CALLBACK)
  return {
    settings: {
      CLIENT_ID_METADATA_HOSTS: host.origin.replace('http://', ''),
      OUTBOUND_ALLOW: `${host.origin},${other.origin}`,
    },
    overrides: { limits: many },
  }
}

onEveryStack('client ID metadata documents', start, (app) => {
  after(() => Promise.all([host?.close(), other?.close()]))
  beforeEach(() => {
    host.asked.length = 0
  })

  let paths = 0
  const newPath = () => {
    paths += 1
    return `/apps/${paths}.json`
  }
  const rpOf = (id: string) =>
    client.discovery(new URL(app.issuer), id, undefined, client.None(), {
      execute: [client.allowInsecureRequests],
    })
  const request = (id: string, more: Record<string, string> = {}) =>
    post(`${app.issuer}/par`, {
      ...{ client_id: id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid' },
      ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
      ...more,
    })
  const runOut = (id: string, age = '1 hour') =>
    app.sql.query(
      `update client_documents set fresh_until = now(), read_at = now() - $2::interval where client_id = $1`,
      [id, age],
    )
  const offline = { scope: 'openid email offline_access', prompt: 'consent' }

  it('are told of in discovery (5)', async () => {
    const { json } = await get(`${app.issuer}/.well-known/oauth-authorization-server`)
    expect(json.client_id_metadata_document_supported).to.equal(true)
  })

  it('let people sign in who see the host that asks, and are asked in every session', async () => {
    const path = newPath()
    const id = host.put(path, { client_name: 'Bank of Everything', grant_types: ['authorization_code'] })
    const rp = await rpOf(id)
    const agent = newAgent()
    let page = await agent.get((await begin(rp)).url.href)
    page = await agent.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    expect(page.text)
      .to.include(`<b><bdi>${new URL(id).host}</bdi></b>`)
      .and.to.include('Unverified app')
    const { tokens } = await signIn(rp)
    expect(tokens.claims()?.aud).to.equal(id)
    expect(host.asked).to.deep.equal([path])
    const elsewhere = newAgent()
    page = await elsewhere.get((await begin(rp)).url.href)
    page = await elsewhere.submit(page, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    expect(page.url, 'remembered consent does not count').to.match(/interaction/)
    expect(page.forms.some(({ action }) => action.endsWith('/consent'))).to.equal(true)
  })

  it('cannot ask for the keys of the house, as apps that registered themselves cannot', async () => {
    const rp = await rpOf(host.put(newPath()))
    const resource = `${app.issuer}/api`
    const wanted = { scope: 'openid account:read users:read roles:write', resource }
    const { tokens } = await signIn(rp, wanted, { exchange: { resource } })
    expect(tokens.scope).to.equal('account:read')
  })

  it('may prove a key that the document names, and must then', async () => {
    const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true })
    const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'a', alg: 'ES256' }
    const id = host.put(newPath(), {
      ...{ token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256' },
      jwks: { keys: [jwk] },
    })
    const rp = await client.discovery(
      new URL(app.issuer),
      id,
      undefined,
      client.PrivateKeyJwt({ key: privateKey, kid: 'a' }),
      { execute: [client.allowInsecureRequests] },
    )
    expect((await signIn(rp)).tokens.claims()?.aud).to.equal(id)
    const { json } = await request(id)
    expect(json.error, 'without its key').to.equal('invalid_client')
  })

  it('are never first-party, and take nothing that only the operator gives', async () => {
    const flags = { first_party: true, profile: 'fapi2', self_registered: false, metadata_document: false }
    const id = host.put(newPath(), {
      ...flags,
      backchannel_logout_uri: `${host.origin}/logout`,
      scope: 'all',
    })
    expect((await request(id)).status).to.equal(201)
    const stored = await app.app.storage.database.clients.find(id)
    expect(stored).to.include({ firstParty: false, source: 'document', secretDigest: undefined })
    expect(stored?.metadata).to.not.have.any.keys(...Object.keys(flags), 'backchannel_logout_uri', 'scope')
  })

  it('get no keys of the house: of our API what is people’s own', async () => {
    const rp = await rpOf(host.put(newPath(), {}))
    const resource = `${app.issuer}/api`
    const scope = 'openid account:read users:write roles:write'
    const { tokens } = await signIn(rp, { resource, scope, prompt: 'consent' }, { exchange: { resource } })
    expect(tokens.scope).to.equal('account:read')
  })

  const wrong: [string, Record<string, unknown>][] = [
    ['another client_id', { client_id: 'https://app.example.org/client.json' }],
    ['no client_id', { client_id: undefined }],
    ['a secret', { client_secret: 'x'.repeat(40) }],
    ['the expiry of a secret', { client_secret_expires_at: 0 }],
    ['client_secret_basic', { token_endpoint_auth_method: 'client_secret_basic' }],
    ['client_secret_jwt', { token_endpoint_auth_method: 'client_secret_jwt' }],
    ['tls_client_auth', { token_endpoint_auth_method: 'tls_client_auth' }],
    ['no redirect URI', { redirect_uris: undefined }],
    ['a redirect URI of another host', { redirect_uris: ['https://evil.example/cb'] }],
    ['a redirect URI with another host as user', { redirect_uris: ['https://127.0.0.1@evil.example/cb'] }],
    ['a scheme for a redirect URI', { redirect_uris: ['javascript:alert(1)', 'org.example.app:/cb'] }],
    ['client_credentials alone', { grant_types: ['client_credentials'] }],
    [
      'a private key',
      {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', d: 'd' }] },
      },
    ],
    ['no keys for private_key_jwt', { token_endpoint_auth_method: 'private_key_jwt' }],
    ['a name that turns around', { client_name: 'Nice\u202Eevil' }],
    ['an unknown algorithm', { id_token_signed_response_alg: 'none' }],
  ]
  for (const [what, metadata] of wrong)
    it(`are refused with ${what} (4, 6)`, async () => {
      const id = host.put(newPath(), metadata)
      const { status, json } = await request(id)
      expect([status, json.error], JSON.stringify(json)).to.deep.equal([400, 'invalid_client'])
      expect(json.error_description).to.include(new URL(id).host)
      expect(await app.app.storage.database.clients.find(id)).to.equal(undefined)
    })

  const answers: [string, (path: string) => void][] = [
    [
      'a redirect',
      (path) => {
        const target = host.put(`${path}.target`)
        host.pages.set(path, (_, res) => res.writeHead(302, { location: target }).end())
      },
    ],
    ['no JSON', (path) => void host.pages.set(path, (_, res) => res.end('<html>'))],
    ['a list', (path) => void host.pages.set(path, (_, res) => res.end('[]'))],
    ['too much', (path) => void host.put(path, { client_name: 'x', contacts: ['x'.repeat(6000)] })],
    [
      'an endless body',
      (path) =>
        void host.pages.set(path, (_, res) => {
          res.write('{"a":"')
          const more = setInterval(() => res.write('x'.repeat(1000)), 5)
          res.on('close', () => clearInterval(more))
        }),
    ],
    ['nothing, for long', (path) => void host.pages.set(path, () => {})],
    ['a failure', (path) => void host.pages.set(path, (_, res) => res.writeHead(403).end())],
  ]
  for (const [what, prepare] of answers)
    it(`are refused when the host answers ${what} (4)`, async () => {
      const path = newPath()
      prepare(path)
      const began = performance.now()
      const { status, json } = await request(host.origin + path)
      expect([status, json.error], JSON.stringify(json)).to.deep.equal([400, 'invalid_client'])
      expect(performance.now() - began).to.be.below(5_000)
      expect(host.asked.filter((asked) => asked !== path)).to.deep.equal([])
      await request(host.origin + path)
      expect(host.asked, 'asked again at once').to.deep.equal([path])
    })

  it('are asked only of hosts on the list, in exactly the form the draft wants (3)', async () => {
    const elsewhere = other.put('/client.json')
    host.put('/client.json')
    const bare = new URL(host.origin).host
    const ids = [
      elsewhere,
      host.origin,
      `${host.origin}/`,
      `${host.origin}/x/../client.json`,
      `${host.origin}/%2e/client.json`,
      `${host.origin}/client.json#a`,
      `http://user@${bare}/client.json`,
      `http://user:pass@${bare}/client.json`,
      `HTTP://${bare}/client.json`,
      `http://2130706433:${new URL(host.origin).port}/client.json`,
      `ftp://${bare}/client.json`,
      `https://${bare}.evil.example/client.json`,
    ]
    for (const id of ids) {
      const { status, json } = await request(id)
      expect(status, id).to.be.oneOf([400, 401])
      expect(json.error, id).to.equal('invalid_client')
    }
    expect([...host.asked, ...other.asked]).to.deep.equal([])
  })

  it('send codes nowhere but where the document says, and to any port of the own machine', async () => {
    const id = host.put(newPath(), { redirect_uris: [CALLBACK, 'https://evil.example/cb'] })
    const evil = await request(id, { redirect_uri: 'https://evil.example/cb' })
    expect(evil.status).to.equal(400)
    expect(evil.json.error_description).to.include('redirect_uri')
    expect((await request(id, { redirect_uri: 'http://localhost:41234/callback' })).status).to.equal(201)
    expect((await request(id, { redirect_uri: 'http://localhost:41234/other' })).status).to.equal(400)
  })

  it('are read once for many at once, and again when they have run out (4.4)', async () => {
    const path = newPath()
    const id = host.put(path, {}, { 'cache-control': 'max-age=600' })
    const statuses = await Promise.all(Array.from({ length: 10 }, async () => (await request(id)).status))
    expect(new Set(statuses)).to.deep.equal(new Set([201]))
    expect(host.asked).to.deep.equal([path])
    const [row] = await app.sql.query<{ seconds: number }>(
      'select extract(epoch from fresh_until - read_at)::int as seconds from client_documents where client_id = $1',
      [id],
    )
    expect(row?.seconds).to.equal(600)
    host.put(path, { redirect_uris: ['http://localhost:9/moved'] })
    expect((await request(id)).status, 'still fresh').to.equal(201)
    await runOut(id)
    expect((await request(id)).status, 'moved').to.equal(400)
    expect((await request(id, { redirect_uri: 'http://localhost:9/moved' })).status).to.equal(201)
    expect(host.asked).to.have.lengthOf(2)
  })

  it('refresh tokens while their host is away for a day, and not once it says they are gone', async () => {
    const path = newPath()
    const id = host.put(path, { grant_types: ['authorization_code', 'refresh_token'] })
    const rp = await rpOf(id)
    const { tokens } = await signIn(rp, offline)
    host.pages.set(path, (_, res) => res.destroy())
    await runOut(id)
    const second = await client.refreshTokenGrant(rp, String(tokens.refresh_token))
    expect(second.access_token).to.be.a('string')
    await runOut(id, '25 hours')
    const late = await refusal(client.refreshTokenGrant(rp, String(second.refresh_token)))
    expect(late.error).to.equal('invalid_client')
    const gonePath = newPath()
    const gone = host.put(gonePath, { grant_types: ['authorization_code', 'refresh_token'] })
    const goneRp = await rpOf(gone)
    const { tokens: first } = await signIn(goneRp, offline)
    host.pages.delete(gonePath)
    await runOut(gone)
    const refused = await refusal(client.refreshTokenGrant(goneRp, String(first.refresh_token)))
    expect(refused.error).to.equal('invalid_client')
  })

  it('stay blocked when an administrator blocks them, whatever their host says', async () => {
    const path = newPath()
    const id = host.put(path)
    expect((await request(id)).status).to.equal(201)
    const { database, changes } = app.app.storage
    await new Access(database, () => changes.expire('clients')).disableClient(id, {
      by: 'test',
      request: undefined,
    } as never)
    await runOut(id)
    host.asked.length = 0
    const { json } = await request(id)
    expect(json.error).to.equal('invalid_client')
    expect(host.asked).to.deep.equal([])
  })

  it('that nobody used are forgotten after a day, those in use and blocked ones not', async () => {
    const [idle, used, blocked] = [host.put(newPath()), host.put(newPath()), host.put(newPath())]
    for (const id of [idle, used, blocked]) expect((await request(id)).status).to.equal(201)
    await signIn(await rpOf(used))
    await app.app.storage.database.clients.setStatus(blocked, 'disabled')
    await app.sql.query(`update clients set updated_at = now() - interval '2 days' where id = any ($1)`, [
      [idle, used, blocked],
    ])
    await app.app.storage.purgeUnusedClients(1000, 30)
    const left = (await app.sql.query<{ id: string }>('select id from clients')).map(({ id }) => id)
    expect(left).to.include.members([used, blocked]).and.to.not.include(idle)
  })
})

onEveryStack(
  'client ID metadata documents of many',
  async () => {
    host = await startDocumentHost(CALLBACK)
    return {
      settings: { CLIENT_ID_METADATA: 'open', OUTBOUND_ALLOW: host.origin },
      overrides: { limits: { documentNetwork: 3, documentHost: 10_000 } },
      people: [],
    }
  },
  (app) => {
    after(() => host?.close())

    it('are not looked for without end: an anonymous request is no way to make us fetch', async () => {
      const ask = async (path: string) => {
        const { url } = await begin(
          await client.discovery(new URL(app.issuer), host.origin + path, undefined, client.None(), {
            execute: [client.allowInsecureRequests],
          }),
        )
        return get(url.href, { headers: { accept: 'text/html' } })
      }
      const known = new URL(host.put('/known')).pathname
      expect((await ask(known)).status).to.equal(303)
      for (const path of ['/a', '/b']) expect((await ask(path)).status).to.equal(400)
      const { status, headers } = await ask('/c')
      expect(status).to.equal(429)
      expect(Number(headers.get('retry-after'))).to.be.above(0)
      expect(host.asked).to.deep.equal([known, '/a', '/b'])
      expect((await ask(known)).status, 'what is known needs no look').to.equal(303)
    })

    it('cannot lead into the network: only what the operator listed goes there', async () => {
      const { json } = await post(`${app.issuer}/par`, { client_id: 'https://127.0.0.1/client.json' })
      expect(json.error).to.be.oneOf(['invalid_client', 'temporarily_unavailable'])
    })
  },
)

onEveryStack('client ID metadata documents, left off', { people: [] }, (app) => {
  it('are not there: no look, and no word in discovery', async () => {
    const away = await startDocumentHost(CALLBACK)
    try {
      const { json } = await post(`${app.issuer}/par`, { client_id: away.put('/client.json') })
      expect(json.error).to.equal('invalid_client')
      expect(away.asked).to.deep.equal([])
    } finally {
      await away.close()
    }
    const { json } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(json).to.not.have.property('client_id_metadata_document_supported')
  })
})
