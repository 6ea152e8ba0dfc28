/** Swagger UI in a real browser: it signs in by itself and makes a call, under the policy of every page. */
import { mkdirSync } from 'node:fs'
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { createPerson } from '../support/people.ts'
import { get } from '../support/protocol.ts'
import { PASSWORD } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

/** Where pictures go for people who want to look at them. */
const PICTURES = process.env.SCREENSHOTS

describe('the documentation of the API in a browser', function () {
  this.timeout(180_000)
  let app: RunningApp
  let browser: Browser
  let visitor: Visitor
  before(async () => {
    app = await startApp()
    const { id } = await createPerson(app, { email: 'admin@example.org' })
    await app.app.storage.database.users.addRole(id, 'admin')
    browser = await launchBrowser()
    visitor = await Visitor.arrive(browser, { origins: [app.issuer] })
  })
  afterEach(async function () {
    await expectNoFaults(this, visitor ? [visitor] : [])
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  const picture = async (page: Page, name: string) => {
    if (!PICTURES) return
    mkdirSync(PICTURES, { recursive: true })
    await page.screenshot({ path: `${PICTURES}/${name}.png` })
  }

  it('is served from here alone, under the strict policy', async () => {
    const { status, headers, text } = await get(`${app.issuer}/docs`, { headers: { accept: 'text/html' } })
    expect(status).to.equal(200)
    expect(headers.get('content-security-policy')).to.include("script-src 'self'").and.not.include('unsafe')
    expect(headers.get('x-frame-options')).to.equal('DENY')
    expect(text)
      .to.not.match(/https?:/)
      .and.not.match(/<script(?! src="\/docs\/)/)
    const back = await get(`${app.issuer}/docs/oauth2-redirect.html`, { headers: { accept: 'text/html' } })
    expect(back.text, 'no script inside').to.not.match(/<script(?! src="\/docs\/[\w-]+\.js"><\/script>)/)
    expect((await get(`${app.issuer}/docs/../package.json`)).status).to.equal(404)
    expect((await get(`${app.issuer}/docs/index.html`)).status).to.equal(404)
  })

  it('signs in by itself and makes a call', async () => {
    const page = await visitor.newTab()
    await page.goto(`${app.issuer}/docs`)
    await page.locator('.opblock-summary-path').first().waitFor()
    await picture(page, 'docs-desktop')
    await page.locator('button.authorize').first().click()
    const dialog = page.locator('.modal-ux')
    for (const scope of ['account:read', 'users:read'])
      await dialog.locator(`.scopes label[for^="${scope}"]`).first().click()
    const opened = visitor.context.waitForEvent('page')
    await dialog.locator('button.authorize').click()
    const popup = await opened
    await popup.locator('input[name=identifier]').fill('admin@example.org')
    await popup.locator('input[name=password]').fill(PASSWORD)
    await popup.locator('form[action$="/sign-in"] button[type=submit]').first().click()
    await popup.locator('form[action$="/consent"]').waitFor()
    await picture(popup, 'docs-consent')
    const closed = popup.waitForEvent('close')
    await popup.locator('form[action$="/consent"] button[type=submit]').first().click()
    await closed
    await dialog.locator('button.btn-done').click()
    await page.locator('#operations-People-listUsers .opblock-summary').click()
    await page.locator('#operations-People-listUsers .try-out__btn').click()
    await page.locator('#operations-People-listUsers button.execute').click()
    const answer = page.locator('#operations-People-listUsers .live-responses-table')
    await answer.waitFor()
    expect(await answer.innerText())
      .to.include('admin@example.org')
      .and.match(/\b200\b/)
    await answer.scrollIntoViewIfNeeded()
    await picture(page, 'docs-called')
    await page.setViewportSize({ width: 320, height: 700 })
    await picture(page, 'docs-phone')
  })

  it('is read in ReDoc, under a policy that knows its styles by their hashes, and asks nobody else', async () => {
    const { headers, text } = await get(`${app.issuer}/redoc`, { headers: { accept: 'text/html' } })
    const policy = headers.get('content-security-policy') ?? ''
    expect(policy)
      .to.include("script-src 'self';")
      .and.not.match(/unsafe|nonce|blob:|https:/)
    expect(policy).to.match(/style-src 'self'( 'sha256-[\w+/]{43}='){2};/)
    expect(text)
      .to.not.match(/https?:/)
      .and.not.match(/<script(?! src="\/redoc\/)/)
    const bundle = await get(`${app.issuer}/redoc/bundle.js`)
    expect(bundle.text, 'the picture of its maker').to.not.include('cdn.redoc.ly')
    expect((await get(`${app.issuer}/docs`)).headers.get('content-security-policy')).to.not.include('sha256')

    for (const scheme of ['light', 'dark'] as const) {
      // One each: while it is scrolled ReDoc goes to other fragments by itself.
      const page = await visitor.newTab()
      await page.emulateMedia({ colorScheme: scheme })
      await page.setViewportSize({ width: 1280, height: 900 })
      await page.goto(`${app.issuer}/redoc`)
      const operation = page.locator('[id="tag/People/operation/listUsers"]')
      await operation.waitFor()
      expect(await operation.innerText()).to.include('/api/v1/admin/users')
      await operation.scrollIntoViewIfNeeded()
      await picture(page, `redoc-${scheme}`)
      expect(await contrastOf(page, '[id="tag/People/operation/listUsers"] h2'), scheme).to.be.above(4.5)
      expect(await contrastOf(page, '[id="tag/People/operation/listUsers"] h5'), scheme).to.be.above(4.5)

      await page.setViewportSize({ width: 320, height: 700 })
      await picture(page, `redoc-${scheme}-phone`)
      expect(await page.evaluate(() => document.documentElement.scrollWidth), scheme).to.be.at.most(320)
      const links = page.locator('nav.of-the-docs a')
      const linked = await links.evaluateAll((all) => all.map((a) => a.getAttribute('href')))
      expect(linked).to.deep.equal(['/', '/docs', '/redoc', '/openapi.json'])
      await page.close()
    }
  })
})

/** Of a text and what is painted behind it, as WCAG 2.2 counts it. */
function contrastOf(page: Page, selector: string): Promise<number> {
  return page
    .locator(selector)
    .first()
    .evaluate((element) => {
      const numbersOf = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
      const lightness = (color: string) => {
        const [r = 0, g = 0, b = 0] = numbersOf(color).map((value) => {
          const part = value / 255
          return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
        })
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      let behind: Element | null = element
      while (behind && numbersOf(getComputedStyle(behind).backgroundColor)[3] === 0)
        behind = behind.parentElement
      const [dark = 0, light = 0] = [
        lightness(getComputedStyle(element).color),
        behind ? lightness(getComputedStyle(behind).backgroundColor) : 1,
      ].sort((a, b) => a - b)
      return (light + 0.05) / (dark + 0.05)
    })
}
