/** What has grown too old. The clock has to be moved for this, so the app runs in this process. */
import { expect } from 'chai'
import type { Browser } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage } from '../support/inspect-page.ts'
import { createPerson } from '../support/people.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { Hands, heading, register, signIn } from './steps.ts'

const HOUR = 3600_000

describe('what has expired', function () {
  this.timeout(180_000)

  let running: RunningApp
  let browser: Browser
  let visitor: Visitor
  let later = 0

  before(async () => {
    const clock = { now: () => new Date(Date.now() + later) }
    running = await startApp({ overrides: { clock, clients: [webClient()] } })
    browser = await launchBrowser()
    await createPerson(running, { email: 'ida@example.org' })
  })
  beforeEach(async () => {
    later = 0
    visitor = await Visitor.arrive(browser, { origins: [running.issuer] })
  })
  afterEach(async function () {
    await expectNoFaults(this, [visitor])
    await visitor.leave()
  })
  after(async () => {
    await browser?.close()
    await running?.close()
  })

  async function atTheDoor(): Promise<Hands> {
    const page = await visitor.newTab()
    await page.goto((await begin(await discover(running.issuer))).url.href)
    return new Hands(page)
  }

  const linkIn = (text: string) => /https?:\/\/\S+\/(verify-email|reset-password)\/\S+/.exec(text)?.[0] ?? ''

  it('a link to reset the password', async () => {
    const page = await visitor.newTab()
    const hands = new Hands(page)
    await page.goto(`${running.issuer}/forgot-password`)
    await hands.fill('Email address', 'ida@example.org')
    await hands.press('Send the link')
    const mail = await running.nextMail('ida@example.org')
    later = 2 * HOUR
    await page.goto(linkIn(mail.text))
    await heading(page, 'This link has expired', 1)
    await inspectPage(page, 'reset-password-expired')
    await hands.follow('Send me a new link')
    await heading(page, 'Reset your password', 1)
  })

  it('a link to confirm the address', async () => {
    const hands = await atTheDoor()
    await register(hands, 'uma@example.org')
    const link = linkIn((await running.nextMail('uma@example.org')).text)
    later = 48 * HOUR
    const late = await visitor.newTab()
    await late.goto(link)
    await heading(late, 'This link has expired', 1)
    await inspectPage(late, 'verify-link-expired')
  })

  it('a sign-in: the page says so and leads back to the app', async () => {
    const hands = await atTheDoor()
    const uid = new URL(hands.page.url()).pathname.split('/')[2] ?? ''
    // What the store's clock does to it an hour later.
    await running.app.storage.artifacts.destroy('Interaction', uid)
    await signIn(hands, 'ida@example.org', 'whatever it was')
    await heading(hands.page, 'This sign-in has expired', 1)
    const back = hands.page.getByRole('link', { name: 'Back to the app' })
    expect(await back.getAttribute('href')).to.equal('http://localhost:9/')
  })
})
