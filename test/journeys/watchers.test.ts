/** The journeys are worth what their watchers notice: each fault is made once, on purpose. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { Browser } from 'playwright-core'
import { launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage } from '../support/inspect-page.ts'

const PAGES: Record<string, { body: string; headers?: Record<string, string> }> = {
  '/clean': { body: '<h1>Clean</h1>' },
  '/inline': { body: '<h1>Inline</h1><script>1</script>' },
  '/stranger': { body: '<h1>Stranger</h1><img src="http://127.0.0.2:9/x.png" alt="">' },
  '/console': { body: '<h1>Console</h1><script src="/script.js"></script>' },
  '/frame': { body: '<h1>Frame</h1><iframe src="/open" title="x"></iframe>' },
  '/open': { body: '<h1>Open</h1>', headers: { 'Content-Security-Policy': "default-src 'self'" } },
  '/pale': { body: '<h1 style="color:#ccc">Pale</h1>', headers: { 'Content-Security-Policy': '' } },
  '/dark': {
    body: '<style>@media (prefers-color-scheme: dark) { h1 { color: #333; background: #222 } }</style><h1>Dark</h1>',
    headers: { 'Content-Security-Policy': '' },
  },
  '/wide': {
    body: '<h1>Wide</h1><div style="width:400px">.</div>',
    headers: { 'Content-Security-Policy': '' },
  },
}

describe('the watchers of the journeys', function () {
  this.timeout(120_000)

  let server: Server
  let browser: Browser
  let visitor: Visitor
  let origin: string

  before(async () => {
    server = createServer((request, response) => {
      const path = request.url ?? ''
      if (path === '/script.js')
        return response.setHeader('Content-Type', 'text/javascript').end('console.error("oh"); nowhere()')
      const page = PAGES[path]
      response.writeHead(page ? 200 : 404, {
        'Content-Type': 'text/html',
        'Content-Security-Policy': "default-src 'self'; img-src * data:; frame-ancestors 'none'",
        ...page?.headers,
      })
      response.end(
        `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>x</title><main>${page?.body}</main></html>`,
      )
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    browser = await launchBrowser()
  })
  beforeEach(async () => {
    visitor = await Visitor.arrive(browser, { origins: [origin] })
  })
  afterEach(() => visitor.leave())
  after(async () => {
    await browser?.close()
    server.close()
  })

  async function faultsOf(path: string, count: number): Promise<string> {
    const page = await visitor.newTab()
    await page.goto(origin + path)
    const deadline = Date.now() + 10_000
    while (visitor.faults().length < count && Date.now() < deadline) await page.title()
    return visitor.faults().join('\n')
  }

  async function inspect(path: string): Promise<string> {
    const page = await visitor.newTab()
    await page.goto(origin + path)
    return inspectPage(page, path).then(
      () => '',
      (error: Error) => error.message,
    )
  }

  it('let a clean page pass', async () => {
    expect(await inspect('/clean')).to.equal('')
    expect(visitor.faults()).to.deep.equal([])
  })

  it('see a broken policy, an error in the console and an uncaught one', async () => {
    expect(await faultsOf('/inline', 2)).to.match(/policy violation: script-src/)
    expect(await faultsOf('/console', 4))
      .to.match(/: oh$/m)
      .and.to.match(/uncaught .*nowhere/)
  })

  it('see a request to a stranger', async () => {
    expect(await faultsOf('/stranger', 1)).to.include('request to a stranger: http://127.0.0.2:9/x.png')
  })

  it('see a page in a frame, and one that would let others frame it', async () => {
    expect(await faultsOf('/frame', 2))
      .to.match(/^framed: .*\/open$/m)
      .and.to.match(/^may be framed by others: .*\/open$/m)
  })

  it('see what cannot be read in light or in dark, and what is too wide', async () => {
    expect(await inspect('/pale')).to.match(/light: color-contrast/)
    expect(await inspect('/dark'))
      .to.match(/dark: color-contrast/)
      .and.not.to.match(/light: color-contrast/)
    expect(await inspect('/wide')).to.match(/at 320 px it is \d+ px too wide/)
  })
})
