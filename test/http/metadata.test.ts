import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import Koa, { type Context } from 'koa'
import { metadataCaching } from '../../src/http/metadata-caching.ts'
import { get, onEveryStack, send } from '../support/protocol.ts'
import { sendRaw } from '../support/raw-http.ts'

const DISCOVERY = '/.well-known/openid-configuration'
const PATHS = [DISCOVERY, '/.well-known/oauth-authorization-server', '/jwks']

onEveryStack('metadata', {}, (app) => {
  for (const path of PATHS) {
    it(`answers ${path} the same first and later, for readers of every origin`, async () => {
      const first = await get(app.issuer + path)
      const later = await get(app.issuer + path, { headers: { origin: 'https://anywhere.example' } })
      expect([first.status, later.status]).to.deep.equal([200, 200])
      expect(later.text).to.equal(first.text)
      for (const { headers } of [first, later]) {
        expect(headers.get('access-control-allow-origin')).to.equal('*')
        expect(headers.get('vary')).to.equal(null)
        expect(headers.get('cache-control')).to.equal('public, max-age=300')
        expect(headers.get('x-content-type-options')).to.equal('nosniff')
        expect(headers.get('x-request-id')).to.match(/^[\w-]{8,}$/)
        expect(Number(headers.get('content-length'))).to.equal(Buffer.byteLength(first.text))
      }
      expect(later.headers.get('etag')).to.match(/^"[\w-]{27}"$/)
      expect(later.headers.get('x-request-id')).to.not.equal(first.headers.get('x-request-id'))
      expect(later.headers.get('content-type')).to.equal(first.headers.get('content-type'))
    })

    it(`says 304 for ${path} to who has it already, by any form of the validator (RFC 9110 13.1.2)`, async () => {
      const { headers } = await get(app.issuer + path)
      const etag = String(headers.get('etag'))
      for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await get(app.issuer + path, { headers: { 'if-none-match': condition } })
        expect([again.status, again.text], condition).to.deep.equal([304, ''])
        expect(again.headers.get('etag')).to.equal(etag)
        expect(again.headers.get('cache-control')).to.equal('public, max-age=300')
        expect(again.headers.get('access-control-allow-origin')).to.equal('*')
      }
      const other = await get(app.issuer + path, { headers: { 'if-none-match': '"other"' } })
      expect(other.status).to.equal(200)
    })

    it(`answers HEAD for ${path} as GET, without the body (RFC 9110 9.3.2)`, async () => {
      const whole = await get(app.issuer + path)
      const head = await sendRaw(app.issuer, { method: 'HEAD', target: path })
      expect([head.status, head.text]).to.deep.equal([200, ''])
      for (const name of ['etag', 'content-length', 'content-type', 'cache-control'])
        expect(head.headers[name], name).to.equal(whole.headers.get(name))
    })
  }

  it('still answers the preflight of a browser app', async () => {
    const { status, headers } = await send('OPTIONS', app.issuer + DISCOVERY, undefined, {
      headers: { origin: 'https://anywhere.example', 'access-control-request-method': 'GET' },
    })
    expect(status).to.equal(204)
    expect(headers.get('access-control-allow-methods')).to.match(/GET/)
  })

  it('takes no word of a request into the document', async () => {
    const { text } = await get(app.issuer + DISCOVERY)
    const { host } = new URL(app.issuer)
    const forged = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example;proto=https' }
    const answers = [
      await sendRaw(app.issuer, { target: `${DISCOVERY}?issuer=evil.example`, headers: forged }),
      await sendRaw(app.issuer, { target: DISCOVERY, headers: { host: host.toUpperCase(), ...forged } }),
      await sendRaw(app.issuer, { target: `http://${host}${DISCOVERY}` }),
    ]
    for (const answer of answers) expect(answer.text).to.equal(text)
    const stranger = await sendRaw(app.issuer, { target: DISCOVERY, headers: { host: 'evil.example' } })
    expect(stranger.status).to.equal(421)
  })
})

describe('metadata of an engine whose Provider is replaced', () => {
  const engine = { provider: {} as object }
  let compose: (ctx: Context) => void
  let read: (headers?: Record<string, string>, suffix?: string) => Promise<Response>
  let close: () => void

  beforeEach(async () => {
    let composed = 0
    compose = (ctx) => {
      composed += 1
      ctx.body = { keys: [composed] }
    }
    const server = createServer((request, response) => void handle(request, response))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const origin = `http://127.0.0.1:${port}`
    const app = new Koa({ env: 'test' })
    app.use(metadataCaching(engine, origin))
    app.use((ctx) => compose(ctx))
    const handle = app.callback()
    read = (headers = {}, suffix = '') => fetch(`${origin}/jwks${suffix}`, { headers })
    close = () => {
      server.close()
      server.closeAllConnections()
    }
  })
  afterEach(() => close())

  const bodies = async (...answers: Promise<Response>[]) =>
    Promise.all(answers.map(async (answer) => (await answer).text()))

  it('composes once for each Provider', async () => {
    expect(await bodies(read())).to.deep.equal(['{"keys":[1]}'])
    expect(await bodies(read(), read())).to.deep.equal(['{"keys":[1]}', '{"keys":[1]}'])
    const etag = String((await read()).headers.get('etag'))
    expect((await read({ 'if-none-match': etag })).status).to.equal(304)
    engine.provider = {}
    const renewed = await read({ 'if-none-match': etag })
    expect([renewed.status, await renewed.text()]).to.deep.equal([200, '{"keys":[2]}'])
    expect(await bodies(read())).to.deep.equal(['{"keys":[2]}'])
  })

  it('keeps nothing that was composed while the Provider was being replaced', async () => {
    const plain = compose
    compose = (ctx) => {
      engine.provider = {}
      plain(ctx)
    }
    await read()
    compose = plain
    expect(await bodies(read())).to.deep.equal(['{"keys":[2]}'])
  })

  it('keeps no failure', async () => {
    const plain = compose
    compose = (ctx) => {
      ctx.status = 500
      ctx.body = { error: 'server_error' }
    }
    expect((await read()).status).to.equal(500)
    compose = plain
    expect(await bodies(read())).to.deep.equal(['{"keys":[1]}'])
  })

  it('keeps nothing of one answer for the next: no cookie, no end of a connection', async () => {
    const plain = compose
    compose = (ctx) => {
      ctx.set({ 'Set-Cookie': 'mine=1', Connection: 'close', 'X-Frame-Options': 'DENY' })
      plain(ctx)
    }
    await read()
    const { headers } = await read()
    expect(headers.getSetCookie()).to.deep.equal([])
    expect(headers.get('connection')).to.equal('keep-alive')
    expect(headers.get('x-frame-options'), 'what every answer has').to.equal('DENY')
  })

  it('leaves a request that is not plain to those further in', async () => {
    await read()
    expect(await bodies(read({}, '?v=2'))).to.deep.equal(['{"keys":[2]}'])
  })
})
