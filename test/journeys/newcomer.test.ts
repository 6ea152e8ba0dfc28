/** A newcomer's first quarter of an hour, from the start page on, in a real browser against the real program. */
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage, inspectStill } from '../support/inspect-page.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import {
  awaitMail,
  Hands,
  heading,
  openMailedLink,
  PASSWORD,
  readCode,
  register,
  says,
  signIn,
} from './steps.ts'

const EMAIL = 'ada@example.org'
const NEW_PASSWORD = 'nine quiet otters up the river'

describe('a newcomer', function () {
  this.timeout(180_000)

  let ostiary: OstiaryProcess
  let browser: Browser
  let ada: Visitor
  /** the web app's tab, the mailbox's tab, the single-page app's tab */
  let web: Page
  let mail: Page
  let spa: Page
  let hands: Hands

  before(async () => {
    ;[ostiary, browser] = await Promise.all([OstiaryProcess.start(), launchBrowser()])
    ada = await newVisitor()
    web = await ada.newTab()
    hands = new Hands(web)
  })
  afterEach(async function () {
    await expectNoFaults(this, [ada])
    // Each step begins where the one before it ended. (Mocha's `bail` would look at the whole run.)
    if (this.currentTest?.state === 'failed') throw new Error('the journey ends here')
  })
  after(async () => {
    await browser?.close()
    await ostiary?.dispose()
  })

  const newVisitor = () => Visitor.arrive(browser, { origins: [ostiary.issuer, ostiary.samples] })
  const signedIn = (page: Page) => heading(page, `Signed in as ${EMAIL}`, 2)

  /** The mail that is open in the mailbox, by itself. */
  async function inspectMail(state: string): Promise<void> {
    await mail.locator('iframe').waitFor()
    const tab = await ada.newTab()
    await tab.goto(`${mail.url()}/html`)
    await inspectStill(tab, state, 'mail')
    await tab.close()
  }

  it('starts at the start page and asks for an account: 3 clicks and 2 fields', async () => {
    await web.goto(ostiary.issuer)
    await inspectPage(web, 'start')
    await hands.follow('Sign in to the sample web app')
    await heading(web, 'Sign in', 1)
    await inspectPage(web, 'sign-in')
    await register(hands, EMAIL)
    await heading(web, 'Check your mail', 1)
    expect({ clicks: hands.clicks, fields: hands.fields }).to.deep.equal({ clicks: 3, fields: 2 })
    await inspectPage(web, 'verify-email')
  })

  it('finds the code in the mailbox, allows access and is signed in: 5 clicks and 3 fields in all', async () => {
    mail = await hands.open('Open the mailbox')
    const code = await readCode(mail, ostiary, EMAIL)
    await inspectPage(mail, 'mailbox')
    // The sixth digit sends the form.
    await hands.fill('6-digit code', code)
    await heading(web, 'Allow access?', 1)
    await inspectPage(web, 'consent')
    await hands.press('Allow')
    await signedIn(web)
    expect({ clicks: hands.clicks, fields: hands.fields }).to.deep.equal({ clicks: 5, fields: 3 })
  })

  it('sees claims and decoded tokens, calls the API and renews', async () => {
    const page = await web.locator('main').innerText()
    expect(page)
      .to.include(EMAIL)
      .and.to.match(/"email_verified": true/)
      .and.to.match(/"amr": \[\s+"pwd"/)
    await web.getByText(/^ID token/).click()
    await says(web, '"alg": "RS256"')
    await hands.press('Call it without a token')
    await says(web, 'Bearer realm="sample API"')
    await hands.press('Call the API')
    await says(web, 'Hello from the protected API')
    await web.getByText(/^Access token for the API/).click()
    await says(web, '"typ": "at+jwt"')
    await inspectPage(web, 'sample-web-signed-in')
    await hands.press('Renew the tokens')
    await says(web, 'The tokens were renewed with the refresh token.')
  })

  it('opens the mail itself', async () => {
    await (await awaitMail(mail, ostiary, EMAIL, /is your code/)).click()
    await mail.frameLocator('iframe').getByRole('link', { name: 'Confirm email' }).waitFor()
    await inspectPage(mail, 'mail')
    await inspectMail('mail-verify-email')
  })

  it('is signed in to the single-page app without a password', async () => {
    spa = await ada.newTab()
    await spa.goto(ostiary.samples)
    await inspectPage(spa, 'samples')
    await spa.getByRole('main').getByRole('link', { name: 'Single-page app' }).click()
    await heading(spa, 'You are not signed in', 2)
    await inspectPage(spa, 'sample-spa-signed-out')
    const there = new Hands(spa)
    await there.press('Sign in')
    await heading(spa, 'Allow access?', 1)
    await there.press('Allow')
    await signedIn(spa)
    expect(there.fields).to.equal(0)
  })

  it('renews in the single-page app by frame and by refresh token, and calls the API', async () => {
    const there = new Hands(spa)
    await there.press('Renew silently')
    await says(spa, 'Renewed in the hidden frame')
    await there.press('Renew by refresh token')
    await says(spa, 'Renewed by refresh token')
    await there.press('Call the API')
    await says(spa, 'Hello from the protected API')
    await inspectPage(spa, 'sample-spa-signed-in')
  })

  it('signs out everywhere: the web app is told, and so is another browser', async () => {
    const elsewhere = await newVisitor()
    const other = await elsewhere.newTab()
    const otherHands = new Hands(other)
    await other.goto(`${ostiary.samples}/web`)
    await otherHands.press('Sign in')
    await signIn(otherHands, EMAIL)
    await otherHands.press('Allow')
    await signedIn(other)

    const there = new Hands(spa)
    await there.press('Sign out')
    await heading(spa, 'Sign out?', 1)
    await inspectPage(spa, 'sign-out')
    await there.tick('Also on all my other devices and apps')
    await there.press('Sign out')
    await heading(spa, 'You are not signed in', 2)
    for (const page of [web, other]) {
      await page.goto(`${ostiary.samples}/web`)
      await says(page, 'The provider ended your session (back-channel logout).')
      await says(page, 'You are not signed in.')
    }
    await inspectPage(web, 'sample-web-signed-out')
    expect(elsewhere.faults()).to.deep.equal([])
    await elsewhere.leave()
  })

  it('signs in again with the password', async () => {
    await hands.press('Sign in')
    await heading(web, 'Sign in', 1)
    await signIn(hands, EMAIL)
    await hands.press('Allow')
    await signedIn(web)
    await hands.press('Sign out')
    await hands.press('Sign out')
    await says(web, 'You are signed out.')
  })

  it('forgets the password, resets it by the link of the mail and is signed in', async () => {
    await hands.press('Sign in')
    await hands.follow('Forgot your password?')
    await inspectPage(web, 'forgot-password')
    await hands.fill('Email address', EMAIL)
    await hands.press('Send the link')
    await heading(web, 'Check your mail', 1)
    await inspectPage(web, 'forgot-password-sent')
    const reset = await openMailedLink(mail, ostiary, EMAIL, {
      subject: /Choose a new password/,
      button: 'Choose a new password',
    })
    await heading(reset, 'Choose a new password', 1)
    await inspectPage(reset, 'reset-password')
    const there = new Hands(reset)
    await there.fill('New password', NEW_PASSWORD)
    await there.press('Change password')
    await heading(reset, 'Password changed', 1)
    await inspectPage(reset, 'reset-password-done')
    await there.follow('Continue')
    await heading(reset, 'Sign in', 1)
    await signIn(there, EMAIL, NEW_PASSWORD)
    await there.press('Allow')
    await signedIn(reset)
    await (await awaitMail(mail, ostiary, EMAIL, /Choose a new password/)).click()
    await inspectMail('mail-reset-password')
    await (await awaitMail(mail, ostiary, EMAIL, /has been changed/)).click()
    await inspectMail('mail-password-changed')
  })

  it('is the first administrator by the link of the terminal, once', async () => {
    const page = await ada.newTab()
    const setup = ostiary.setupUrl ?? ''
    await page.goto(setup)
    await heading(page, 'You hold the key', 1)
    await inspectPage(page, 'setup')
    const there = new Hands(page)
    await there.fill('Email address', 'grace@example.org')
    await there.fill('Your name', 'Grace')
    await there.fill('Password', PASSWORD)
    await there.press('Create administrator')
    await heading(page, 'All set', 1)
    await inspectPage(page, 'setup-done')
    await page.goto(setup)
    await heading(page, 'Setup is closed', 1)
    await inspectPage(page, 'error-setup-closed')
    await page.close()
  })

  it('finds the account again after a stop in order, and after kill -9', async () => {
    // An icon may be on its way when the server goes.
    ada.expect(/net::ERR_(CONNECTION_|EMPTY_RESPONSE)/)
    for (const end of ['stop', 'kill'] as const) {
      await ostiary[end]()
      await ostiary.start()
      // The sample apps forget; the provider does not: it knows its session, and asks for nothing but the consent.
      await web.goto(`${ostiary.samples}/web`)
      await hands.press('Sign in')
      await hands.press('Allow')
      await signedIn(web)
    }
  })

  it('stops with exit code 0 when it is told to', () => ostiary.stop())
})
