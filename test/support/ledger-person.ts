/**
 * A person of the ledger: registers, proves the address by the mail, signs in, allows the app, signs out, changes the
 * password; all by pages, as a browser without JavaScript. What the pages acknowledged stands in the ledger, and each
 * session's grant in `LedgerGrant`. When an answer was lost on the way, the person closes the browser and starts anew.
 */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './ledger.ts'
import { LedgerGrant, newNonce } from './ledger-grant.ts'
import { CHANGED, type MailReader, RESET, VERIFY } from './ledger-mail.ts'
import type { Line } from './ledger-traffic.ts'
import { CALLBACK, PASSWORD } from './relying-party.ts'
import { type Page, UserAgent } from './user-agent.ts'

const CLIENT = 'spa'
const VERIFIER = 'v'.repeat(43)
const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

export interface PersonDeps {
  ledger: Ledger
  mail: MailReader
  windowed: boolean
}

/** A page nobody expected; whether it is a fault depends on what was lost before it. */
class WrongPage extends Error {
  override readonly name = 'WrongPage'

  constructor(wanted: string, { status, url, text }: Page) {
    const view = /class="view-([\w-]+)"/.exec(text)?.[1] ?? ''
    super(
      `expected ${wanted}, got ${status} ${view} at ${url.startsWith(CALLBACK) ? url : url.split('?')[0]}`,
    )
  }
}

export class LedgerPerson {
  readonly email: string
  /** by the product's answers: none yet, maybe, or acknowledged */
  account: 'none' | 'unsure' | 'acknowledged' = 'none'
  consented = false
  /** all sessions' grants, the current one last */
  readonly grants: LedgerGrant[] = []
  /** the current password; more than one while a change was not answered */
  passwords = [PASSWORD]
  readonly #deps: PersonDeps
  readonly #line: Line
  /** session cookies that were signed out */
  readonly #signedOut: string[] = []
  #browser: UserAgent | undefined
  #changes = 0
  #awaitsReset = false

  constructor(email: string, line: Line, deps: PersonDeps) {
    this.email = email
    this.#line = line
    this.#deps = deps
  }

  get signedIn(): boolean {
    return this.#browser !== undefined
  }

  get grant(): LedgerGrant | undefined {
    return this.grants.at(-1)
  }

  get item(): string {
    return `person ${this.email}`
  }

  /** From nothing to the first tokens. */
  async register(): Promise<void> {
    await this.#journey('registering', async () => {
      const { browser, page: first, nonce } = await this.#open()
      const form = await browser.get(`${first.url}/register`)
      this.#note('registration sent')
      const verify = await submit(browser, form, { email: this.email, password: PASSWORD }, '/register')
      if (!verify.forms.some(({ action }) => action.endsWith('/verify-email')))
        throw new WrongPage('the page that asks for the code', verify)
      this.#deps.ledger.acknowledge('mail accepted', this.item, 'registration')
      this.#deps.mail.expect(this.email, VERIFY)
      const codes = await this.#deps.mail.codesFor(this.email)
      this.#note(`${codes.length} codes came by mail`)
      let page = verify
      this.account = 'unsure'
      for (const code of codes) {
        if (!page.forms.some(({ action }) => action.endsWith('/verify-email'))) break
        page = await submit(browser, page, { code }, '/verify-email')
      }
      // The mail is late (its sender was killed with it in hand): nothing more can be done here.
      if (codes.length === 0) {
        this.account = 'none'
        return
      }
      if (!page.url.startsWith(CALLBACK) && !page.forms.some(({ action }) => action.endsWith('/consent')))
        throw new WrongPage('the consent page', page)
      this.account = 'acknowledged'
      this.#deps.ledger.acknowledge('registration', this.item)
      await this.#arrive(browser, page, nonce)
    })
  }

  /** A new browser, the password, and tokens for the app. */
  async signIn(): Promise<void> {
    await this.#journey('signing in', async () => {
      const { browser, page: form, nonce } = await this.#open()
      let page = form
      for (const password of this.passwords) {
        page = await submit(browser, form, { identifier: this.email, password }, '/sign-in')
        if (page.status === 401) continue
        this.passwords = [password]
        break
      }
      if (page.status === 401) {
        this.#deps.ledger.violated('I2', this.item, 'an acknowledged account cannot sign in')
        return
      }
      this.#deps.ledger.acknowledge('sign-in', this.item)
      await this.#arrive(browser, page, nonce)
    })
  }

  /** The session alone brings another code (prompt=none), and the code tokens. */
  async singleSignOn(replay = false): Promise<void> {
    await this.#journey('single sign-on', async () => {
      const browser = this.#browser as UserAgent
      const nonce = newNonce()
      const page = await this.#ask(browser, { nonce, prompt: 'none' })
      const code = new URL(page.url).searchParams.get('code')
      if (!code) throw new WrongPage('a code for a live session', page)
      await this.#redeem(code, nonce, replay)
    })
  }

  /** Sign-out by the app (RP-Initiated Logout), and a look whether it holds. */
  async signOut(): Promise<void> {
    const { grant } = this
    await this.#journey('signing out', async () => {
      const browser = this.#browser as UserAgent
      const cookie = browser.cookieHeader(`${this.#line.issuer}/auth`)
      const query = new URLSearchParams({ id_token_hint: String(grant?.idToken) })
      const page = await browser.get(`${this.#line.issuer}/session/end?${query}`)
      this.#note('sign-out sent')
      const done = await submit(browser, page, { logout: 'yes' })
      if (!done.text.includes('view-logout-done')) throw new WrongPage('the signed-out page', done)
      this.#deps.ledger.acknowledge('sign-out', this.item)
      this.#signedOut.push(cookie)
      grant?.endedBy('its session was signed out')
      this.#close()
      await this.#expectSignedOut(cookie)
      await grant?.check()
    })
  }

  /** A new password by the link of a mail: ends every session and grant. */
  async changePassword(): Promise<void> {
    // A second one would replace the first, and its mail would rightly never be sent.
    if (this.#awaitsReset) return
    const { mail, ledger } = this.#deps
    const { issuer } = this.#line
    await this.#journey('changing the password', async () => {
      const browser = new UserAgent(this.#line.fetch)
      const form = await browser.get(`${issuer}/forgot-password`)
      const sent = await submit(browser, form, { email: this.email })
      if (sent.status !== 200) throw new WrongPage('the page that says a mail is sent', sent)
      ledger.acknowledge('mail accepted', this.item, 'password change')
      mail.expect(this.email, RESET)
      const link = await mail.resetLinkFor(this.email)
      this.#awaitsReset = link === undefined
      if (!link) return
      const page = await browser.get(link)
      this.#changes += 1
      const password = `${PASSWORD} ${this.#changes}`
      const [old = ''] = this.passwords
      this.passwords = [password, old]
      this.#note(`password change ${this.#changes} sent`)
      const done = await submit(browser, page, { password })
      if (done.status !== 200) throw new WrongPage('the page that says it is changed', done)
      ledger.acknowledge('password change', this.item)
      ledger.acknowledge('mail accepted', this.item, 'password changed')
      mail.expect(this.email, CHANGED)
      this.passwords = [password]
      const cookie = this.#browser?.cookieHeader(`${issuer}/auth`)
      for (const grant of this.grants) grant.endedBy('the password was changed')
      this.#close()
      if (cookie !== undefined) {
        this.#signedOut.push(cookie)
        await this.#expectSignedOut(cookie)
      }
    })
  }

  /** Closes the browser without signing out. */
  leave(): void {
    this.#close()
  }

  /** Sessions that were signed out are still, and what hangs on grants is as the answers said. */
  async check(): Promise<void> {
    for (const cookie of this.#signedOut) await this.#expectSignedOut(cookie)
    for (const grant of this.grants) await grant.check()
  }

  async #open(): Promise<{ browser: UserAgent; page: Page; nonce: string }> {
    const nonce = newNonce()
    const browser = new UserAgent(this.#line.fetch)
    browser.stopAt = (url) => url.startsWith('http://localhost:9/')
    const page = await this.#ask(browser, { nonce })
    if (!page.forms.some(({ action }) => action.endsWith('/sign-in')))
      throw new WrongPage('the sign-in page', page)
    return { browser, page, nonce }
  }

  /** An authorization request; the app sends the browser once more when Ostiary is away for a moment. */
  async #ask(browser: UserAgent, parameters: Record<string, string>): Promise<Page> {
    const page = await browser.get(this.#authorization(parameters))
    if (!isAway(page)) return page
    this.#line.lost += 1
    await sleep(1000)
    return browser.get(this.#authorization(parameters))
  }

  /** From the page after the sign-in to tokens. */
  async #arrive(browser: UserAgent, from: Page, nonce: string): Promise<void> {
    let page = from
    if (page.forms.some(({ action }) => action.endsWith('/consent'))) {
      if (this.consented)
        this.#deps.ledger.violated('I2', this.item, 'acknowledged consent is asked for again')
      page = await submit(browser, page, {}, '/consent')
      if (page.url.startsWith(CALLBACK)) {
        this.consented = true
        this.#deps.ledger.acknowledge('consent', this.item)
      }
    }
    if (isAway(page)) this.#line.lost += 1
    const code = page.url.startsWith(CALLBACK) ? new URL(page.url).searchParams.get('code') : null
    if (!code) throw new WrongPage('the app with a code', page)
    this.#browser = browser
    await this.#redeem(code, nonce)
  }

  async #redeem(value: string, nonce: string, replay = false): Promise<void> {
    // A grant that was ended is gone from its session: what comes next is a new one.
    if (!this.grant || this.grant.ended || !this.#grantIsOfThisBrowser) {
      const { ledger, windowed } = this.#deps
      this.grants.push(new LedgerGrant({ ledger, line: this.#line, clientId: CLIENT, windowed }))
      this.#grantIsOfThisBrowser = true
    }
    this.#note(`code ${nonce}`)
    await this.grant?.exchange({ value, nonce, verifier: VERIFIER }, replay)
  }

  #grantIsOfThisBrowser = false

  #close(): void {
    this.#browser = undefined
    this.#grantIsOfThisBrowser = false
  }

  async #expectSignedOut(cookie: string): Promise<void> {
    const path = this.#authorization({ prompt: 'none', nonce: newNonce() }).slice(this.#line.issuer.length)
    const reply = await this.#line.send('GET', path, { headers: { cookie, accept: 'text/html' } })
    if (String(reply.headers.location ?? '').includes('code='))
      this.#deps.ledger.violated('I4', this.item, 'a session that was signed out brought a code')
  }

  #authorization(more: Record<string, string>): string {
    const query = new URLSearchParams({
      client_id: CLIENT,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid email',
      code_challenge: CHALLENGE,
      code_challenge_method: 'S256',
      ...more,
    })
    return `${this.#line.issuer}/auth?${query}`
  }

  /** Runs one errand. An answer lost on the way, or a grant in doubt, ends it: what comes next starts from nothing. */
  async #journey(what: string, errand: () => Promise<void>): Promise<void> {
    const before = this.#line.lost
    this.#note(what)
    try {
      await errand()
    } catch (error) {
      if (!['Unanswered', 'WrongPage'].includes((error as Error).name)) throw error
      this.#note(`stopped: ${(error as Error).message}`)
      if (this.#line.lost === before)
        this.#deps.ledger.violated('I2', this.item, `${what}: ${(error as Error).message}`)
      // A sign-out or a change may have happened.
      for (const grant of this.grants) grant.doubt()
      this.#close()
    }
    if (this.grant && !this.grant.live && !this.grant.ended) this.#close()
  }

  #note(line: string): void {
    this.#deps.ledger.note(this.item, line)
  }
}

/** RFC 6749 4.1.2.1: 503 as a redirect can say it. */
function isAway({ url }: Page): boolean {
  return url.startsWith(CALLBACK) && url.includes('error=temporarily_unavailable')
}

/** @throws WrongPage where there is no such form */
function submit(
  browser: UserAgent,
  page: Page,
  fields: Record<string, string> = {},
  pick = '',
): Promise<Page> {
  if (!page.forms.some(({ action }) => action.includes(pick))) throw new WrongPage(`a form ${pick}`, page)
  return browser.submit(page, fields, pick)
}
