/** The sample television and a phone: a code is scanned, compared and agreed to, or not (RFC 8628). */
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import qrcode from 'qrcode'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage, inspectStill } from '../support/inspect-page.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import { Hands, heading, readCode, register, says } from './steps.ts'

describe('a television and a phone', function () {
  this.timeout(180_000)
  let ostiary: OstiaryProcess
  let browser: Browser
  const visitors: Visitor[] = []
  let tv: Hands
  let phone: Hands

  before(async () => {
    ;[ostiary, browser] = await Promise.all([OstiaryProcess.start(), launchBrowser()])
    // A television needs no script: its page is drawn anew every two seconds.
    tv = await newHands(false)
    phone = await newHands(true)
  })
  afterEach(function () {
    return expectNoFaults(this, visitors)
  })
  after(async () => {
    await browser?.close()
    await ostiary?.dispose()
  })

  async function newHands(javaScript: boolean): Promise<Hands> {
    const origins = [ostiary.issuer, ostiary.samples]
    const visitor = await Visitor.arrive(browser, { origins, javaScript })
    visitors.push(visitor)
    return new Hands(await visitor.newTab())
  }

  /** What the picture says, as far as one can tell without eyes: it is the picture of this address. */
  async function scan(page: Page): Promise<string> {
    const code = await page.locator('.user-code').innerText()
    const address = `${ostiary.issuer}/device?user_code=${code}`
    const image = page.getByRole('img', { name: /QR code/ })
    const [, svg = ''] = String(await image.getAttribute('src')).split('data:image/svg+xml;base64,')
    const picture = await qrcode.toString(address, { type: 'svg', margin: 2 })
    expect(Buffer.from(svg, 'base64').toString()).to.equal(picture)
    return address
  }

  it('meet: the phone scans, compares, signs in and agrees; the television says hello', async () => {
    await tv.page.goto(ostiary.samples)
    await tv.page.getByRole('main').getByRole('link', { name: 'Television' }).click()
    await heading(tv.page, 'Sample television', 1)
    await inspectStill(tv.page, 'sample-tv-off')
    await tv.press('Connect')
    await heading(tv.page, 'Connect this television', 1)
    await inspectStill(tv.page, 'sample-tv-waiting')

    await phone.page.goto(await scan(tv.page))
    await heading(phone.page, 'Is this your device?', 1)
    await says(phone.page, await tv.page.locator('.user-code').innerText())
    await inspectPage(phone.page, 'device-confirm-scanned')
    await phone.press('Yes, connect it')
    await register(phone, 'vera@example.org', 'Vera Viewer')
    const mail = await phone.page.context().newPage()
    const code = await readCode(mail, ostiary, 'vera@example.org')
    await mail.close()
    await phone.fill('6-digit code', code)
    await phone.page.getByRole('button', { name: 'Allow' }).click()
    await heading(phone.page, 'Device connected', 1)
    await heading(tv.page, 'Good evening, Vera Viewer', 1)
    await inspectStill(tv.page, 'sample-tv-connected')
  })

  it('part when the person says no', async () => {
    await tv.press('Disconnect')
    await tv.press('Connect')
    await heading(tv.page, 'Connect this television', 1)
    await phone.page.goto(await scan(tv.page))
    await heading(phone.page, 'Is this your device?', 1)
    await phone.press('Deny')
    await heading(phone.page, 'Access denied', 1)
    await heading(tv.page, 'Not connected', 1)
    await says(tv.page, 'You said no on the other device')
    await inspectStill(tv.page, 'sample-tv-denied')
  })
})
