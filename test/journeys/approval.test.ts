/** A person answers what an app asked elsewhere: from the mail to the answer, with and without JavaScript. */
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage, inspectStill } from '../support/inspect-page.ts'
import { createPerson } from '../support/people.ts'
import { post } from '../support/protocol.ts'
import { PASSWORD, RP_SECRET, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

const CIBA = 'urn:openid:params:grant-type:ciba'
const clients = [
  webClient({
    client_id: 'tv',
    client_name: 'Kitchen TV',
    grant_types: ['authorization_code', 'refresh_token', CIBA],
    backchannel_token_delivery_mode: 'poll',
  }),
]
const EMAIL = 'ada@example.org'
let ahead = 0
const clock = { now: () => new Date(Date.now() + ahead * 1000) }

describe('an answer to what an app asked elsewhere', function () {
  this.timeout(180_000)
  let running: RunningApp
  let browser: Browser
  let seen = 0
  const visitors: Visitor[] = []
  before(async () => {
    browser = await launchBrowser()
    running = await startApp({ overrides: { clients, clock } })
    await createPerson(running, { email: EMAIL, profile: { name: 'Ada Lovelace' } })
  })
  afterEach(function () {
    return expectNoFaults(this, visitors)
  })
  after(async () => {
    await browser?.close()
    await running?.close()
  })

  async function asked(
    javaScript: boolean,
  ): Promise<{ page: Page; poll: () => Promise<string | undefined> }> {
    const visitor = await Visitor.arrive(browser, { origins: [running.issuer], javaScript })
    visitors.push(visitor)
    const basic = ['tv', RP_SECRET] as const
    const fields = { scope: 'openid email', login_hint: EMAIL, binding_message: 'W4-SCT' }
    const { json } = await post(`${running.issuer}/backchannel`, fields, { basic })
    const { text, subject } = await running.nextMail(EMAIL, seen)
    seen += 1
    expect(subject).to.include('approval')
    expect(text).to.include('Kitchen TV').and.not.include('W4-SCT')
    const page = await visitor.newTab()
    await page.goto(/https?:\/\/\S+\/approve\/\S+/.exec(text)?.[0] ?? '')
    const poll = async () => {
      const form = { grant_type: CIBA, auth_req_id: String(json.auth_req_id) }
      const answer = await post(`${running.issuer}/token`, form, { basic })
      return answer.json.error ?? 'tokens'
    }
    return { page, poll }
  }
  const heading = (page: Page) => page.innerText('h1')

  it('is yes, with the password', async () => {
    const { page, poll } = await asked(true)
    await inspectPage(page, 'approve')
    await page.fill('#f-password', 'not the password of Ada')
    await page.click('button[value=approve]')
    expect(await page.innerText('.alert')).to.include('not the password')
    await inspectPage(page, 'approve-wrong')
    await page.fill('#f-password', PASSWORD)
    await page.click('button[value=approve]')
    await page.waitForSelector('.view-approve-done')
    await inspectPage(page, 'approve-done')
    expect(await poll()).to.equal('tokens')
    await page.goto(page.url())
    expect(await heading(page)).to.include('answered')
    await inspectPage(page, 'approve-used')
  })

  it('is no, without JavaScript and without the password', async () => {
    const { page, poll } = await asked(false)
    await inspectStill(page, 'approve-noscript')
    await page.click('button[value=deny]')
    expect(await heading(page)).to.equal('Denied')
    await inspectStill(page, 'approve-denied')
    expect(await poll()).to.equal('access_denied')
  })

  it('is yes, without JavaScript', async () => {
    const { page, poll } = await asked(false)
    await page.fill('#f-password', PASSWORD)
    await page.click('button[value=approve]')
    expect(await heading(page)).to.equal('Approved')
    expect(await poll()).to.equal('tokens')
  })

  it('comes too late', async () => {
    const { page } = await asked(true)
    ahead = 301
    await page.reload()
    expect(await heading(page)).to.include('expired')
    await inspectPage(page, 'approve-expired')
    ahead = 0
  })
})
