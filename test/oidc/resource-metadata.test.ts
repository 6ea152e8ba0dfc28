/** Protected resource metadata (RFC 9728): ours for userinfo, and theirs for APIs that want it hosted. */
import { createServer } from 'node:http'
import { expect } from 'chai'
import * as oauth from 'oauth4webapi'
import { createSamples } from '../../src/samples/server.ts'
import { freePort } from '../support/child-service.ts'
import { get, onEveryStack, post, send, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'
import { sampleResourceServer } from '../support/samples.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'
const ORDERS = 'https://orders.example/api'
const settings = {
  DOCS_URL: 'https://docs.example/',
  RESOURCE_SERVERS: JSON.stringify([
    {
      ...{ audience: ORDERS, name: 'Order book', documentation: 'https://orders.example/docs' },
      ...{ scopes: ['read', { name: 'write', description: 'Change your orders' }], publishMetadata: true },
    },
    { audience: 'https://quiet.example', scopes: ['read'] },
  ]),
}
const insecure = { [oauth.allowInsecureRequests]: true }
const actor = { by: 'test' }

onEveryStack('protected resource metadata', { settings, overrides: { clients: [webClient()] } }, (app) => {
  const at = (path: string) => `${app.issuer}${WELL_KNOWN}/${path}`

  it('of an API say where its tokens come from and what can be asked (2)', async () => {
    const { status, headers, json } = await get(at('orders.example/api'))
    expect(status).to.equal(200)
    expect(json).to.deep.equal({
      resource: ORDERS,
      authorization_servers: [app.issuer],
      scopes_supported: ['read', 'write'],
      bearer_methods_supported: ['header'],
      resource_name: 'Order book',
      resource_documentation: 'https://orders.example/docs',
    })
    expect(headers.get('content-type')).to.match(/^application\/json/)
  })

  it('of userinfo are found by oauth4webapi, and agree with the discovery document', async () => {
    const userinfo = new URL(`${app.issuer}/userinfo`)
    const response = await oauth.resourceDiscoveryRequest(userinfo, insecure)
    const metadata = await oauth.processResourceDiscoveryResponse(userinfo, response)
    const { json: as } = await get(`${app.issuer}/.well-known/openid-configuration`)
    expect(metadata.resource).to.equal(as.userinfo_endpoint)
    expect(metadata.authorization_servers).to.deep.equal([as.issuer])
    expect(metadata.jwks_uri).to.equal(as.jwks_uri)
    expect(metadata.dpop_signing_alg_values_supported).to.deep.equal(as.dpop_signing_alg_values_supported)
    expect(metadata.resource_signing_alg_values_supported).to.deep.equal(
      as.userinfo_signing_alg_values_supported,
    )
    expect(as.scopes_supported).to.include.members(metadata.scopes_supported as string[])
    expect(metadata.resource_documentation).to.equal('https://docs.example/')
  })

  it('are named by userinfo to whoever is turned away (5.1), for each scheme it takes', async () => {
    const named = `resource_metadata="${app.issuer}${WELL_KNOWN}/userinfo"`
    const without = await get(`${app.issuer}/userinfo`)
    const wrong = await get(`${app.issuer}/userinfo`, { bearer: 'nonsense' })
    for (const { status, headers } of [without, wrong]) {
      expect(status).to.equal(401)
      expect(headers.get('www-authenticate')).to.include(named)
    }
    expect(String(without.headers.get('www-authenticate')).split(named)).to.have.length(3)
    expect(wrong.headers.get('www-authenticate')).to.match(/^Bearer realm="[^"]+", error="invalid_token"/)
    const { tokens } = await signIn(await discover(app.issuer))
    const right = await get(`${app.issuer}/userinfo`, { bearer: tokens.access_token })
    expect([right.status, right.headers.get('www-authenticate')]).to.deep.equal([200, null])
  })

  it('may be read by apps of any origin, and kept for five minutes', async () => {
    for (const path of ['orders.example/api', 'userinfo']) {
      const { headers } = await get(at(path), { headers: { origin: 'https://anywhere.example' } })
      expect(headers.get('access-control-allow-origin')).to.equal('*')
      expect(headers.get('cache-control')).to.equal('public, max-age=300')
      expect(headers.get('set-cookie')).to.equal(null)
      const etag = String(headers.get('etag'))
      expect((await get(at(path), { headers: { 'if-none-match': etag } })).status).to.equal(304)
      const head = await send('HEAD', at(path), undefined)
      expect([head.status, head.text, head.headers.get('etag')]).to.deep.equal([200, '', etag])
      const preflight = await send('OPTIONS', at(path), undefined, {
        headers: {
          ...{ origin: 'https://anywhere.example', 'access-control-request-method': 'GET' },
          'access-control-request-headers': 'mcp-protocol-version',
        },
      })
      expect(preflight.status).to.equal(204)
      expect(preflight.headers.get('access-control-allow-headers')).to.equal('*')
    }
  })

  it('are of nobody who does not want it, is disabled, or is not known', async () => {
    for (const path of [
      ...['quiet.example', 'quiet.example/', 'orders.example', 'orders.example/api/', 'orders.example/api/x'],
      ...[
        'unknown.example',
        '',
        '/',
        '..%2f',
        '%00',
        'userinfo/',
        'https://orders.example/api',
        'x'.repeat(3000),
      ],
    ])
      expect((await get(at(path))).status, path.slice(0, 40)).to.be.oneOf([400, 404])
    expect((await get(`${app.issuer}${WELL_KNOWN}`)).status).to.equal(404)
    expect((await post(at('orders.example/api'), {})).status).to.be.oneOf([404, 405])
    const server = sampleResourceServer({ publishMetadata: true })
    const path = server.audience.replace('https://', '')
    await app.app.resourceServers.create(server, actor)
    expect((await get(at(path))).status).to.equal(200)
    await app.app.resourceServers.disable(server.audience, actor)
    expect((await get(at(path))).status).to.equal(404)
    await app.app.resourceServers.enable(server.audience, actor)
    await app.app.resourceServers.update(server.audience, { publishMetadata: false }, actor)
    expect((await get(at(path))).status).to.equal(404)
  })

  it('of an API at our own origin stand where the RFC looks for them (3.1)', async () => {
    const audience = `${app.issuer}/their/api`
    await app.app.resourceServers.create(sampleResourceServer({ audience, publishMetadata: true }), actor)
    const response = await oauth.resourceDiscoveryRequest(new URL(audience), insecure)
    const metadata = await oauth.processResourceDiscoveryResponse(new URL(audience), response)
    expect(metadata.resource).to.equal(audience)
  })
})

describe('protected resource metadata of the sample API', () => {
  it('are its own, and named in its challenge', async () => {
    const origin = `http://localhost:${await freePort()}`
    const audience = `${origin}/api`
    const issuer = 'http://localhost:9'
    const samples = createSamples({
      ...{ issuer, origin, apiAudience: audience, mailboxUrl: '/', homeUrl: '/', log: () => {} },
      ...{ webClient: { id: 'w', secret: 's' }, spaClient: { id: 's' }, tvClient: { id: 't' } },
    })
    const server = createServer(samples.callback())
    await new Promise<void>((resolve) => server.listen(Number(new URL(origin).port), 'localhost', resolve))
    try {
      const { status, headers } = await get(`${audience}/hello`)
      expect(status).to.equal(401)
      const address = /resource_metadata="([^"]+)"/.exec(String(headers.get('www-authenticate')))?.[1]
      expect(address).to.equal(`${origin}${WELL_KNOWN}/api`)
      const response = await oauth.resourceDiscoveryRequest(new URL(audience), insecure)
      expect(response.headers.get('access-control-allow-origin')).to.equal('*')
      const metadata = await oauth.processResourceDiscoveryResponse(new URL(audience), response)
      expect(metadata).to.deep.include({ authorization_servers: [issuer], scopes_supported: ['api:read'] })
    } finally {
      server.close()
    }
  })
})
