/** A payment that an app asks for, read and allowed in a real browser, with JavaScript and without. */
import { expect } from 'chai'
import type { Browser } from 'playwright-core'
import { PAYMENT, PAYMENTS, typesFile } from '../support/authorization-types.ts'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage, inspectStill } from '../support/inspect-page.ts'
import { createPerson } from '../support/people.ts'
import { JANE } from '../support/protocol.ts'
import { begin, CALLBACK, discover, exchange, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

describe('a payment', function () {
  this.timeout(180_000)
  const types = typesFile()
  const visitors: Visitor[] = []
  let app: RunningApp
  let browser: Browser
  before(async () => {
    const settings = {
      AUTHORIZATION_DETAILS_FILE: types.path,
      RESOURCE_SERVERS: JSON.stringify([{ audience: PAYMENTS, scopes: ['payments'] }]),
    }
    const clients = [webClient({ authorization_details_types: ['payment_initiation'] })]
    ;[app, browser] = await Promise.all([startApp({ settings, overrides: { clients } }), launchBrowser()])
    await createPerson(app, JANE)
  })
  afterEach(function () {
    return expectNoFaults(this, visitors)
  })
  after(async () => {
    await browser?.close()
    await app?.close()
    types.remove()
  })

  for (const javaScript of [true, false])
    it(`is read whole and allowed ${javaScript ? 'with' : 'without'} JavaScript`, async () => {
      const visitor = await Visitor.arrive(browser, {
        origins: [app.issuer, new URL(CALLBACK).origin],
        javaScript,
      })
      visitors.push(visitor)
      const page = await visitor.newTab()
      await page.route(`${CALLBACK}?**`, (route) =>
        route.fulfill({ body: 'back at the app', contentType: 'text/plain' }),
      )
      const rp = await discover(app.issuer)
      const started = await begin(rp, { authorization_details: JSON.stringify([PAYMENT]) })
      await page.goto(started.url.href)
      await page.getByLabel('Email or username').fill(JANE.email)
      await page.getByLabel('Password', { exact: true }).fill(PASSWORD)
      await page.getByRole('button', { name: 'Sign in', exact: true }).click()
      await page.getByRole('heading', { name: 'A payment', level: 2 }).waitFor()
      const words = (await page.innerText('main')).replace(/\s+/g, ' ')
      expect(words).to.include('Pay 1,234.50 EUR to Merchant A')
      for (const field of ['IBAN DE02100100109307118603', 'Reference Invoice 7', 'actions initiate'])
        expect(words).to.include(field)
      await (javaScript ? inspectPage : inspectStill)(page, `payment-${javaScript ? 'script' : 'still'}`)
      await page.getByRole('button', { name: 'Allow' }).click()
      await page.waitForURL(`${CALLBACK}?**`)
      const tokens = await exchange(rp, page.url(), started)
      expect(tokens.authorization_details).to.deep.equal([PAYMENT])
    })
})
