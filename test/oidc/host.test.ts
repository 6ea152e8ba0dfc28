import { expect } from 'chai'
import { onEveryStack, signIn } from '../support/protocol.ts'
import { rawRequest } from '../support/raw-request.ts'
import { begin, discover, publicClient, webClient } from '../support/relying-party.ts'

const clients = [
  webClient(),
  publicClient({
    client_id: 'tv',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
    response_types: [],
    redirect_uris: [],
  }),
]
const FORGED = {
  forwarded: 'host=evil.example;proto=https;for=203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  'x-forwarded-port': '444',
  'x-forwarded-prefix': '/evil',
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-server': 'evil.example',
  'x-original-host': 'evil.example',
  'x-host': 'evil.example',
  'x-real-ip': '203.0.113.9',
}

onEveryStack('the host a request names (security 4.13)', { overrides: { clients } }, (app) => {
  const ask = (method: string, path: string, headers: Record<string, string>, body?: string) =>
    rawRequest(new URL(app.issuer).port, method, path, { accept: 'application/json', ...headers }, body)
  const host = () => new URL(app.issuer).host
  const discovery = '/.well-known/openid-configuration'

  for (const path of [discovery, '/jwks', '/auth?client_id=web', '/session/end', '/device', '/'])
    it(`answers 421 for another host at ${path.split('?')[0]}, and repeats its name nowhere (RFC 9110 15.5.20)`, async () => {
      const port = new URL(app.issuer).port
      const wrong = [
        'evil.example',
        `evil.example:${port}`,
        `localhost.evil.example:${port}`,
        `localhost:${port}.evil`,
      ]
      for (const name of wrong) {
        const { status, text, headers } = await ask('GET', path, { host: name })
        expect(status, name).to.equal(421)
        expect(text + JSON.stringify(headers)).to.not.include('evil')
      }
    })

  it('answers 421 to posts for another host before they do anything', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', host: 'evil.example' }
    for (const path of ['/token', '/par', '/introspect', '/revoke', '/device/auth', '/reg']) {
      const { status } = await ask('POST', path, form, 'client_id=tv')
      expect(status, path).to.equal(421)
    }
    expect(await app.sql.query('select * from oidc_device_codes')).to.deep.equal([])
  })

  it('leads a person who typed 127.0.0.1 to its own name, in evaluation, and no post', async () => {
    const { port } = new URL(app.issuer)
    const typed = { host: `127.0.0.1:${port}` }
    const answer = await ask('GET', '//evil.example/%2e%2e?a=b', typed)
    expect([answer.status, answer.headers.location]).to.deep.equal([
      307,
      `${app.issuer}/evil.example/%2e%2e?a=b`,
    ])
    expect((await ask('POST', '/token', typed)).status).to.equal(421)
  })

  it('takes its own name in any case', async () => {
    const { status, text } = await ask('GET', discovery, { host: host().toUpperCase() })
    expect(status).to.equal(200)
    expect(JSON.parse(text).issuer).to.equal(app.issuer)
  })

  it('believes no forwarded header of somebody who is no proxy: discovery stays as it is', async () => {
    const plain = await ask('GET', discovery, { host: host() })
    expect(plain.status).to.equal(200)
    for (const [name, value] of Object.entries(FORGED)) {
      const { status, text } = await ask('GET', discovery, { host: host(), [name]: value })
      expect([status, text], name).to.deep.equal([200, plain.text])
    }
    const all = await ask('GET', discovery, { host: host(), ...FORGED })
    expect(all.text).to.equal(plain.text)
  })

  it('believes none either where addresses are made: device codes, registration, sign-in', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', host: host(), ...FORGED }
    const device = await ask('POST', '/device/auth', form, 'client_id=tv&scope=openid')
    expect(JSON.parse(device.text).verification_uri).to.equal(`${app.issuer}/device`)
    const { url } = await begin(await discover(app.issuer))
    const start = await ask('GET', url.pathname + url.search, {
      ...FORGED,
      host: host(),
      accept: 'text/html',
    })
    expect(start.status).to.equal(303)
    expect(start.headers.location).to.match(/^\/interaction\//)
    expect(JSON.stringify(start.headers)).to.not.include('evil')
    expect(String(start.headers['set-cookie'])).to.not.match(/secure/i)
  })

  it('writes down the address that really asked, not the one it claims', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded', host: host(), ...FORGED }
    const { text } = await ask('POST', '/device/auth', form, 'client_id=tv&scope=openid')
    const payload = await app.app.storage.artifacts.find('DeviceCode', JSON.parse(text).device_code)
    expect((payload as { deviceInfo?: { ip?: string } }).deviceInfo?.ip).to.equal('127.0.0.1')
  })

  it('issues tokens in its own name only', async () => {
    const { tokens } = await signIn(await discover(app.issuer))
    expect(tokens.claims()?.iss).to.equal(app.issuer)
  })
})
