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
})
