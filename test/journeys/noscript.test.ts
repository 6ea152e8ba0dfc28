/** The same ways with JavaScript switched off: everything but passkeys works without it. */
import { expect } from 'chai'
import type { Browser } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectStill } from '../support/inspect-page.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import {
  fieldOf,
  Hands,
  heading,
  openMailedLink,
  PASSWORD,
  readCode,
  register,
  says,
  signIn,
} from './steps.ts'

const TV = {
  client_id: 'kitchen-tv',
  client_name: 'Kitchen TV',
  token_endpoint_auth_method: 'none',
  grant_types: ['urn:ietf:params:oauth:grant-type:device_code'],
  response_types: [],
  redirect_uris: [],
}

interface DeviceAnswer {
  device_code: string
  user_code: string
  verification_uri: string
  verification_uri_complete: string
}

describe('without JavaScript', function () {
  this.timeout(180_000)

  let ostiary: OstiaryProcess
  let browser: Browser
  const visitors: Visitor[] = []

  before(async () => {
    ;[ostiary, browser] = await Promise.all([OstiaryProcess.start({ clients: [TV] }), launchBrowser()])
  })
  afterEach(function () {
    return expectNoFaults(this, visitors)
  })
  after(async () => {
    await browser?.close()
    await ostiary?.dispose()
  })

  async function newVisitor(): Promise<Visitor> {
    const origins = [ostiary.issuer, ostiary.samples]
    const visitor = await Visitor.arrive(browser, { origins, javaScript: false })
    visitors.push(visitor)
    return visitor
  }

  async function atTheStart(visitor: Visitor): Promise<Hands> {
    const page = await visitor.newTab()
    await page.goto(ostiary.issuer)
    return new Hands(page)
  }

  it('registers, verifies by link and is signed in', async () => {
    const visitor = await newVisitor()
    const hands = await atTheStart(visitor)
    await inspectStill(hands.page, 'noscript-start')
    await hands.follow('Sign in to the sample web app')
    await inspectStill(hands.page, 'noscript-sign-in')
    await hands.follow('Create an account')
    await inspectStill(hands.page, 'noscript-register')
    await hands.follow('Sign in')
    await register(hands, 'linus@example.org')
    await heading(hands.page, 'Check your mail', 1)
    await inspectStill(hands.page, 'noscript-verify-email')
    const mail = { subject: /is your code/, button: 'Confirm email' }
    const link = await openMailedLink(await visitor.newTab(), ostiary, 'linus@example.org', mail)
    await heading(link, 'Confirm your email', 1)
    await inspectStill(link, 'verify-link')
    const there = new Hands(link)
    await there.press('Yes, confirm')
    await heading(link, 'Email confirmed', 1)
    await inspectStill(link, 'verify-link-done')
    await there.follow('Continue')
    await there.press('Allow')
    await heading(link, 'Signed in as linus@example.org', 2)
  })

  it('verifies by link in another browser, which is not signed in, and goes on where it began', async () => {
    const visitor = await newVisitor()
    const hands = await atTheStart(visitor)
    await hands.follow('Sign in to the sample web app')
    await register(hands, 'mia@example.org')
    const phone = await newVisitor()
    const mail = { subject: /is your code/, button: 'Confirm email' }
    const link = await openMailedLink(await phone.newTab(), ostiary, 'mia@example.org', mail)
    const there = new Hands(link)
    await inspectStill(link, 'verify-link-elsewhere')
    await there.fill('Password you chose', 'somebody else would not know')
    await there.press('Yes, confirm')
    await says(link, 'This is not the password of this registration.')
    await inspectStill(link, 'verify-link-elsewhere-wrong')
    await there.fill('Password you chose', PASSWORD)
    await there.press('Yes, confirm')
    await says(link, 'Go back to the browser where you began')
    expect(await link.getByRole('link', { name: 'Continue' }).count()).to.equal(0)
    await inspectStill(link, 'verify-link-done-elsewhere')
    await link.goto(`${ostiary.issuer}/session/end`)
    expect(await link.getByText('Signed in as').count()).to.equal(0)

    await hands.page.reload()
    await heading(hands.page, 'Allow access?', 1)
    await hands.press('Allow')
    await heading(hands.page, 'Signed in as mia@example.org', 2)
  })

  describe('a person with a name', () => {
    let hands: Hands
    before(async () => {
      hands = await atTheStart(await newVisitor())
    })

    it('registers, verifies by code and is signed in under that name', async () => {
      await hands.follow('Sign in to the sample web app')
      await register(hands, 'cleo@example.org', 'Cleo Coder')
      const tab = await hands.page.context().newPage()
      const code = await readCode(tab, ostiary, 'cleo@example.org')
      await tab.close()
      // The way people copy it.
      await hands.fill('6-digit code', `${code.slice(0, 3)} ${code.slice(3)} `)
      await hands.press('Confirm')
      await heading(hands.page, 'Allow access?', 1)
      await says(hands.page, 'Cleo Coder')
      await hands.page.getByRole('checkbox', { name: 'See your email address' }).uncheck()
      await hands.press('Allow')
      await heading(hands.page, 'Signed in as Cleo Coder', 2)
      expect(await hands.page.locator('main').innerText(), 'what was not allowed').to.not.include('cleo@')
    })

    it('connects a device by typing its code', async () => {
      const device = await askForDevice()
      await hands.page.goto(device.verification_uri)
      await inspectStill(hands.page, 'device-code')
      await hands.fill('Code on your device', 'ZZZZ-ZZZZ')
      await hands.press('Continue')
      await says(hands.page, 'This code is not right')
      await inspectStill(hands.page, 'device-code-wrong')
      await hands.fill('Code on your device', ` ${device.user_code.toLowerCase().replace('-', ' ')}`)
      await hands.press('Continue')
      await heading(hands.page, 'Is this your device?', 1)
      await says(hands.page, device.user_code)
      await inspectStill(hands.page, 'device-confirm')
      expect(await poll(device)).to.equal('authorization_pending')
      await hands.press('Yes, connect it')
      await heading(hands.page, 'Allow access?', 1)
      await hands.press('Allow')
      await heading(hands.page, 'Device connected', 1)
      await inspectStill(hands.page, 'device-done')
      expect(await poll(device)).to.equal('tokens')
    })

    it('connects a device by the address with the code in it', async () => {
      const device = await askForDevice()
      await hands.page.goto(device.verification_uri_complete)
      // Without scripts the engine's page that passes the code on needs a press.
      await hands.press('Continue')
      await heading(hands.page, 'Is this your device?', 1)
      await hands.press('Yes, connect it')
      await heading(hands.page, 'Device connected', 1)
      expect(await poll(device)).to.equal('tokens')
    })

    it('denies a device that somebody else began', async () => {
      const device = await askForDevice()
      await hands.page.goto(device.verification_uri)
      await hands.fill('Code on your device', device.user_code)
      await hands.press('Continue')
      await hands.press('Deny')
      await heading(hands.page, 'Access denied', 1)
      await inspectStill(hands.page, 'device-denied')
      expect(await poll(device)).to.equal('access_denied')
    })

    it('stays signed in when asked and signs out when meant', async () => {
      await hands.page.goto(`${ostiary.samples}/web`)
      await hands.press('Sign out')
      await hands.press('Stay signed in')
      await hands.page.goto(`${ostiary.samples}/web`)
      await hands.press('Sign in')
      // What was not allowed the first time is all that is asked for now.
      await heading(hands.page, 'Allow a little more?', 1)
      await inspectStill(hands.page, 'consent-more')
      await hands.press('Deny')
      await says(hands.page, 'The sign-in was cancelled at the provider.')
      await inspectStill(hands.page, 'sample-web-cancelled')

      await hands.page.goto(`${ostiary.issuer}/session/end`)
      await inspectStill(hands.page, 'sign-out-plain')
      await hands.press('Sign out')
      await heading(hands.page, 'You are signed out', 1)
      await inspectStill(hands.page, 'signed-out')
      await hands.follow('To the start page')
      await heading(hands.page, 'The door is open', 1)
    })

    it('signs in with the password alone; refusals are said in one place', async () => {
      await hands.follow('Sign in to the sample web app')
      await hands.press('Sign in')
      await says(hands.page, 'Password: Please fill this in.')
      await inspectStill(hands.page, 'sign-in-missing')
      await signIn(hands, 'cleo@example.org', 'not what it was at all')
      await says(hands.page, 'The email, username or password is not right.')
      await inspectStill(hands.page, 'sign-in-wrong')
      expect(await fieldOf(hands.page, 'Email or username').inputValue()).to.equal('cleo@example.org')
      await signIn(hands, 'cleo@example.org')
      await hands.press('Allow')
      await heading(hands.page, 'Signed in as Cleo Coder', 2)
    })
  })

  async function askForDevice(): Promise<DeviceAnswer> {
    const answer = await fetch(`${ostiary.issuer}/device/auth`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: TV.client_id, scope: 'openid profile' }),
    })
    expect(answer.status).to.equal(200)
    return (await answer.json()) as DeviceAnswer
  }

  async function poll(device: DeviceAnswer): Promise<string> {
    const answer = await fetch(`${ostiary.issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        client_id: TV.client_id,
        grant_type: String(TV.grant_types[0]),
        device_code: device.device_code,
      }),
    })
    const { error, access_token } = (await answer.json()) as { error?: string; access_token?: string }
    return access_token === undefined ? String(error) : 'tokens'
  }
})
