import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { expect } from 'chai'
import Koa from 'koa'
import { createAssets } from '../../src/http/assets.ts'

describe('assets', () => {
  const app = new Koa().use(createAssets(path.join(import.meta.dirname, '../../views/assets')))
  let server: http.Server
  let base: string

  before((done) => {
    server = app.listen(0, '127.0.0.1', () => {
      base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      done()
    })
  })
  after((done) => {
    server.close(done)
  })

  it('serves the parts of the style sheet as one file, the theme first', async () => {
    const response = await fetch(`${base}/assets/ostiary.css`)
    const css = await response.text()
    expect(response.headers.get('content-type')).to.equal('text/css; charset=utf-8')
    expect(css.indexOf('--wall:')).to.be.greaterThan(0).and.lessThan(css.indexOf('.door'))
  })

  it('answers 304 to a known ETag and lets caches keep it for an hour', async () => {
    const first = await fetch(`${base}/assets/logo.svg`)
    expect(first.headers.get('content-type')).to.equal('image/svg+xml')
    expect(first.headers.get('cache-control')).to.equal('public, max-age=3600')
    expect(first.headers.get('x-content-type-options')).to.equal('nosniff')
    const etag = first.headers.get('etag')!
    expect(etag).to.match(/^"/)
    expect(await statusOf('/assets/logo.svg', { 'If-None-Match': etag })).to.equal(304)
    expect(await statusOf('/assets/logo.svg', { 'If-None-Match': '"old"' })).to.equal(200)
  })

  it('knows GET and HEAD only', async () => {
    const head = await fetch(`${base}/assets/code.js`, { method: 'HEAD' })
    expect(head.status).to.equal(200)
    expect(Number(head.headers.get('content-length'))).to.be.greaterThan(0)
    const post = await fetch(`${base}/assets/code.js`, { method: 'POST' })
    expect(post.status).to.equal(405)
    expect(post.headers.get('allow')).to.equal('GET, HEAD')
  })

  for (const target of [
    '/assets/../locales/en.json',
    '/assets/%2e%2e/error.ejs',
    '/assets/..%2ferror.ejs',
    '/assets/',
    '/assets/ostiary.css/1-theme.css',
    '/assets/constructor',
  ]) {
    it(`finds nothing at ${target}`, async () => {
      expect(await statusOf(target)).to.equal(404)
    })
  }

  /** Sends path and headers as they are; fetch would tidy the dots away and ask for no cached answer. */
  function statusOf(target: string, headers: http.OutgoingHttpHeaders = {}): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const { port } = server.address() as AddressInfo
      http
        .get({ host: '127.0.0.1', port, path: target, headers }, (response) => {
          response.resume()
          resolve(response.statusCode)
        })
        .on('error', reject)
    })
  }
})
