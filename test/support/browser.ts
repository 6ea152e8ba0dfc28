/** One headless Chromium for a suite, and visitors in it who note whatever a page does that it should not. */
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core'
import { findChromium } from './binaries.ts'

const ARGS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** For `afterEach`: no faults; and after a failure, what the visitors saw last. */
export async function expectNoFaults(test: Mocha.Context, visitors: readonly Visitor[]): Promise<void> {
  if (test.currentTest?.state === 'failed') for (const visitor of visitors) await visitor.tell()
  const faults = visitors.flatMap((visitor) => visitor.faults())
  if (faults.length > 0) throw new Error(`pages did what they should not:\n${faults.join('\n')}`)
}

/** How long a page may take to become what a step waits for: the machine may be busy with anything. */
export const PATIENCE_MS = 45_000

export function launchBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) throw new Error('these tests need Chromium; npm test installs or names it')
  return chromium.launch({ executablePath, args: ARGS })
}

export interface VisitorOptions {
  /** the only origins there are */
  origins: readonly string[]
  javaScript?: boolean
}

/** A person with a browser of their own: cookies, tabs, and a list of faults that must stay empty. */
export class Visitor {
  readonly context: BrowserContext
  readonly javaScript: boolean
  readonly #origins: readonly string[]
  readonly #faults: string[] = []
  /** console lines that a test provokes on purpose */
  readonly #expected: RegExp[] = []
  /** addresses of pages that were answered with a status of 4xx */
  readonly #refusals = new Set<string>()

  private constructor(context: BrowserContext, options: VisitorOptions) {
    this.context = context
    this.javaScript = options.javaScript ?? true
    this.#origins = options.origins
  }

  static async arrive(browser: Browser, options: VisitorOptions): Promise<Visitor> {
    const context = await browser.newContext({
      javaScriptEnabled: options.javaScript ?? true,
      reducedMotion: 'reduce',
      viewport: { width: 1280, height: 900 },
      locale: 'en-GB',
    })
    context.setDefaultTimeout(PATIENCE_MS)
    const visitor = new Visitor(context, options)
    await visitor.#watch()
    return visitor
  }

  newTab(): Promise<Page> {
    return this.context.newPage()
  }

  /** A step that is meant to be refused: lines of the console that it may cause are no faults from here on. */
  expect(...lines: RegExp[]): void {
    this.#expected.push(...lines)
  }

  /** What pages did that they should not: console errors, policy violations, foreign requests, frames. */
  faults(): string[] {
    return this.#faults.filter((fault) => !this.#expected.some((line) => line.test(fault)))
  }

  /** Where it stands, for whoever reads a failure. */
  async tell(): Promise<void> {
    for (const page of this.context.pages()) {
      const words = await page.innerText('body', { timeout: 2000 }).catch(() => '(no page)')
      console.error(`    ${page.url()}\n      ${words.trim().slice(0, 600).replace(/\n+/g, '\n      ')}`)
    }
  }

  async leave(): Promise<void> {
    await this.context.close()
  }

  async #watch(): Promise<void> {
    const { context } = this
    // Told through the console, which is watched anyway. Without JavaScript Chromium still reports there by itself.
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy violation: ${event.effectiveDirective} blocked ${event.blockedURI}`)
      })
    })
    context.on('console', (message) => {
      if (message.type() !== 'error' && message.type() !== 'warning') return
      const { url } = message.location()
      // Chromium notes each page that came with an error status; what such a page says is the journey's business.
      if (this.#refusals.has(url) && /^Failed to load resource/.test(message.text())) return
      this.#faults.push(`${message.type()} at ${url}: ${message.text()}`)
    })
    context.on('weberror', (error) => {
      this.#faults.push(`uncaught in ${error.page()?.url()}: ${error.error().message}`)
    })
    context.on('request', (request) => {
      const url = new URL(request.url())
      if (['data:', 'about:', 'blob:'].includes(url.protocol) || this.#origins.includes(url.origin)) return
      this.#faults.push(`request to a stranger: ${url.href}`)
    })
    context.on('response', (response) => {
      const request = response.request()
      const type = response.headers()['content-type'] ?? ''
      if (response.status() >= 400 && response.status() < 500 && request.isNavigationRequest())
        this.#refusals.add(response.url())
      if (request.resourceType() !== 'document' || !type.startsWith('text/html')) return
      if (response.status() >= 300 && response.status() < 400) return
      const framed = isFramed(request)
      const path = new URL(response.url()).pathname
      // Two pages are made to be framed: a mail in the mailbox, and the answer to a silent sign-in.
      const frameable = /^\/mailbox\/[^/]+\/html$/.test(path) || path === '/spa/silent'
      if (framed && !frameable) this.#faults.push(`framed: ${response.url()}`)
      if (!frameable && !forbidsFraming(response.headers()))
        this.#faults.push(`may be framed by others: ${response.url()}`)
    })
  }
}

function isFramed(request: Request): boolean {
  try {
    return request.frame().parentFrame() !== null
  } catch {
    // The first request of a new tab comes before its frame.
    return false
  }
}

function forbidsFraming(headers: Record<string, string>): boolean {
  return /frame-ancestors 'none'/.test(headers['content-security-policy'] ?? '')
}
