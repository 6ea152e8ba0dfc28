/** Signing out of apps that are told by the browser: in a real one, with and without JavaScript, and when one is slow. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import type { Browser, BrowserContext } from 'playwright-core'
import { launchBrowser, PATIENCE_MS } from '../support/browser.ts'
import { inspectStill } from '../support/inspect-page.ts'
import { createPerson } from '../support/people.ts'
import { JANE, newAgent, signIn } from '../support/protocol.ts'
import { discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('signing out of old apps', function () {
  this.timeout(180_000)
  let running: RunningApp
  let browser: Browser
  let server: Server
  let origin: string
  /** how long the app's frame takes; for good when it is endless */
  let delayMs = 0
  const asked: URL[] = []

  before(async () => {
    server = createServer((req, res) => {
      const url = new URL(String(req.url), origin)
      const answer = () =>
        res.setHeader('content-type', 'text/html').end('<!doctype html><title>bye</title><p>Bye')
      if (url.pathname === '/out') asked.push(url)
      if (url.pathname !== '/out' || delayMs === 0) answer()
      else if (Number.isFinite(delayMs)) setTimeout(answer, delayMs)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const client = webClient({
      redirect_uris: [`${origin}/callback`],
      post_logout_redirect_uris: [`${origin}/bye`],
      frontchannel_logout_uri: `${origin}/out`,
      frontchannel_logout_session_required: true,
    })
    ;[running, browser] = await Promise.all([startApp({ overrides: { clients: [client] } }), launchBrowser()])
    await createPerson(running, JANE)
  })
  after(async () => {
    await browser?.close()
    await running?.close()
    server?.closeAllConnections()
    server?.close()
  })
  beforeEach(() => {
    asked.length = 0
    delayMs = 0
  })

  /** A browser that is signed in to the app, on the page that asks whether to sign out; and what it complains of. */
  async function about(javaScriptEnabled: boolean) {
    const agent = newAgent()
    agent.stopAt = (url) => url.startsWith(origin)
    const { tokens } = await signIn(
      await discover(running.issuer),
      { redirect_uri: `${origin}/callback` },
      { agent },
    )
    const context: BrowserContext = await browser.newContext({ javaScriptEnabled })
    context.setDefaultTimeout(PATIENCE_MS)
    const complaints: string[] = []
    context.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text())
    })
    const cookies = agent.cookieHeader(running.issuer).split('; ')
    await context.addCookies(
      cookies.map((pair) => {
        const [name = '', ...value] = pair.split('=')
        return { name, value: value.join('='), url: running.issuer }
      }),
    )
    const page = await context.newPage()
    const end = new URL(`${running.issuer}/session/end`)
    end.search = String(
      new URLSearchParams({
        id_token_hint: String(tokens.id_token),
        post_logout_redirect_uri: `${origin}/bye`,
      }),
    )
    await page.goto(end.href)
    return { page, context, complaints, sid: tokens.claims()?.sid }
  }

  for (const javaScript of [true, false])
    it(`tells the app and goes on by itself, ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
      const { page, context, complaints, sid } = await about(javaScript)
      const begun = performance.now()
      await page.getByRole('button', { name: 'Sign out' }).click({ noWaitAfter: true })
      await page.waitForURL(`${origin}/bye`)
      if (!javaScript) expect(performance.now() - begun).to.be.greaterThan(2500)
      expect(asked.map(({ searchParams }) => Object.fromEntries(searchParams))).to.deep.equal([
        { iss: running.issuer, sid },
      ])
      expect(complaints).to.deep.equal([])
      await context.close()
    })

  it('does not wait for an app that never answers, and looks as it should meanwhile', async () => {
    delayMs = Number.POSITIVE_INFINITY
    const { page, context, complaints } = await about(true)
    const begun = performance.now()
    await page.getByRole('button', { name: 'Sign out' }).click({ noWaitAfter: true })
    await page.getByRole('heading', { name: 'Signing you out' }).waitFor()
    await page.waitForURL(`${origin}/bye`)
    expect(performance.now() - begun).to.be.greaterThan(2500)
    expect(asked.length).to.equal(1)
    expect(complaints).to.deep.equal([])
    await context.close()

    const still = await about(false)
    await still.page.getByRole('button', { name: 'Sign out' }).click({ noWaitAfter: true })
    await still.page.getByRole('heading', { name: 'Signing you out' }).waitFor()
    await inspectStill(still.page, 'signing-out')
    await still.page.getByRole('link', { name: 'Go on' }).click()
    await still.page.waitForURL(`${origin}/bye`)
    await still.context.close()
  })
})
