/** What goes wrong on the way, and that each time there is a way on. In a real browser against the real program. */
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { inspectPage } from '../support/inspect-page.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import {
  authorizationUrl,
  awaitMail,
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

const EVE = 'eve@example.org'
const OTTO = 'otto@example.org'
const ROSE = 'rose@example.org'

describe('on the way', function () {
  this.timeout(180_000)

  let ostiary: OstiaryProcess
  let browser: Browser
  let visitors: Visitor[] = []
  /** locked out of her code in the first test; gets a new one in the last, a minute later */
  let rose: Hands

  before(async () => {
    ;[ostiary, browser] = await Promise.all([OstiaryProcess.start(), launchBrowser()])
  })
  afterEach(function () {
    return expectNoFaults(this, visitors)
  })
  after(async () => {
    await browser?.close()
    await ostiary?.dispose()
  })

  async function newVisitor(): Promise<Visitor> {
    const visitor = await Visitor.arrive(browser, { origins: [ostiary.issuer, ostiary.samples] })
    visitors.push(visitor)
    return visitor
  }

  /** A browser of its own, in front of the sign-in page of the sample web app. */
  async function atTheDoor(visitor?: Visitor): Promise<Hands> {
    const page = await (visitor ?? (await newVisitor())).newTab()
    await page.goto(`${ostiary.samples}/web`)
    const hands = new Hands(page)
    await hands.press('Sign in')
    return hands
  }

  async function signedIn(email: string, visitor?: Visitor): Promise<Hands> {
    const hands = await atTheDoor(visitor)
    await signIn(hands, email)
    await hands.press('Allow')
    await heading(hands.page, `Signed in as ${email}`, 2)
    return hands
  }

  async function createAccount(email: string): Promise<void> {
    const hands = await atTheDoor()
    await register(hands, email)
    const tab = await hands.page.context().newPage()
    await hands.fill('6-digit code', await readCode(tab, ostiary, email))
    await heading(hands.page, 'Allow access?', 1)
    await hands.page.context().close()
    visitors = visitors.slice(0, -1)
  }

  it('five wrong codes lock it, and a new one may be asked for in a minute', async () => {
    rose = await atTheDoor()
    const { page } = rose
    await register(rose, ROSE)
    const resend = page.getByRole('button', { name: 'Send a new code' })
    const posts = countPosts(page, /resend/)
    await says(page, /in \d\d seconds/)
    const begun = Number(/in (\d+) second/.exec(await page.innerText('main'))?.[1])
    expect(begun).to.be.within(40, 60)
    expect(await resend.getAttribute('aria-disabled')).to.equal('true')
    await resend.click({ force: true })
    const fewer = Array.from({ length: begun - 1 }, (_, index) => index + 1).join('|')
    await page.getByText(new RegExp(`in (${fewer}) seconds?`)).waitFor()
    expect(posts.count, 'posts while the button waits').to.equal(0)

    for (let wrong = 1; wrong <= 5; wrong += 1) {
      const answered = page.waitForEvent('load')
      await fieldOf(page, '6-digit code').fill(`00000${wrong}`)
      await answered
      await says(page, wrong < 5 ? 'This code is not right.' : 'Too many wrong codes.')
      if (wrong === 1) await inspectPage(page, 'verify-email-wrong')
    }
    expect(await fieldOf(page, '6-digit code').count()).to.equal(0)
    await inspectPage(page, 'verify-email-locked')
    await page.goto(page.url())
    await says(page, 'Too many wrong codes. The last one no longer works')
    expect(await fieldOf(page, '6-digit code').count(), 'when opened again').to.equal(0)
    await inspectPage(page, 'verify-email-locked-again')
  })

  describe('with accounts', () => {
    before(async () => {
      await createAccount(EVE)
      await createAccount(OTTO)
    })
    beforeEach(async () => {
      const [first, ...others] = visitors
      for (const visitor of others) await visitor.leave()
      visitors = first ? [first] : []
    })

    it('finishes two sign-ins in two tabs', async () => {
      const visitor = await newVisitor()
      const one = await atTheDoor(visitor)
      const two = new Hands(await visitor.newTab())
      await two.page.goto(`${ostiary.samples}/spa`)
      await two.press('Sign in')
      await heading(two.page, 'Sign in', 1)
      await signIn(two, EVE)
      await two.press('Allow')
      await heading(two.page, `Signed in as ${EVE}`, 2)
      await signIn(one, EVE)
      await one.press('Allow')
      await heading(one.page, `Signed in as ${EVE}`, 2)
    })

    it('shows the way back after "back" and after a reload of what is finished', async () => {
      const { page } = await signedIn(EVE)
      await page.goBack()
      await heading(page, 'This sign-in has expired', 1)
      await inspectPage(page, 'error-request-expired')
      await page.reload()
      await heading(page, 'This sign-in has expired', 1)
      await new Hands(page).follow('Back to the app')
      await heading(page, `Signed in as ${EVE}`, 2)
    })

    it('says what is missing when the cookies are lost', async () => {
      const hands = await atTheDoor()
      await hands.page.context().clearCookies()
      await signIn(hands, EVE)
      await heading(hands.page, 'Your browser sent no cookie', 1)
      await inspectPage(hands.page, 'error-cookies-missing')
      await hands.follow('Back to the app')
      await says(hands.page, 'You are not signed in.')
    })

    it('says that an address copied from another browser belongs there', async () => {
      const { page } = await atTheDoor()
      const other = await (await newVisitor()).newTab()
      await other.goto(page.url())
      await heading(other, 'This belongs to another browser', 1)
      await inspectPage(other, 'error-other-browser')
    })

    it('sends nobody to an address that is not registered, and knows no stranger', async () => {
      const page = await (await newVisitor()).newTab()
      const url = new URL(await authorizationUrl(page, ostiary))
      url.searchParams.set('redirect_uri', `${ostiary.samples}/web/callback/`)
      await page.goto(url.href)
      await heading(page, 'The return address is not registered', 1)
      expect(new URL(page.url()).origin).to.equal(ostiary.issuer)
      await says(page, 'What was sent has a slash at the end.')
      await says(page, /^[2-9A-Z]{4}-[2-9A-Z]{4}$/)
      await inspectPage(page, 'error-redirect-uri')
      await page.getByText('The whole request, without its secrets').click()
      await says(page, /^present, \d+ characters$/)
      await inspectPage(page, 'error-redirect-uri-whole')
      await new Hands(page).follow('Back to the app')
      await heading(page, 'Sample web app', 1)

      url.searchParams.set('client_id', 'nobody-here')
      await page.goto(url.href)
      await heading(page, 'This app is not known here', 1)
      await inspectPage(page, 'error-unknown-client')
      await page.goto(`${ostiary.issuer}/no/such/page`)
      await heading(page, 'There is nothing here', 1)
      await inspectPage(page, 'error-not-found')
      await page.goto(`${ostiary.samples}/no/such/page`)
      await heading(page, 'Not found', 1)
      await inspectPage(page, 'sample-not-found')
    })

    it('hints at a password exactly what the server says about it', async () => {
      const hands = await atTheDoor()
      const { page } = hands
      await hands.follow('Create an account')
      const verdicts: Record<string, string | RegExp> = {
        'short one': 'Use 15 characters or more.',
        password: 'Use 15 characters or more.',
        iloveyouiloveyou: /^This password is well known/,
        abcdefghijklmnopqrst: /^This password is well known/,
        'frederica1990@example.org': /^Leave out your email/,
        'OstiaryOstiary!!': /^Leave out your email/,
        ['x y'.repeat(100)]: 'Use 256 characters or fewer.',
        password1234567: /./,
        [PASSWORD]: 'This password will do.',
      }
      const refusal = page.locator('#f-password-error')
      const shown = page.locator('[data-problem]:visible, [data-good]:visible').first()
      for (const [password, verdict] of Object.entries(verdicts)) {
        if (!(await fieldOf(page, 'Username (optional)').isVisible()))
          await page.getByText('Add a name or username').click()
        await fieldOf(page, 'Email address').fill('frederica1990@example.org')
        // Refused by itself, so that each answer is the form again and says what it thinks of the password.
        await fieldOf(page, 'Username (optional)').fill('--')
        await fieldOf(page, 'Password').fill(password)
        expect(await refusal.count(), 'what was said of the password before').to.equal(0)
        const live = await shown.innerText()
        expect(live).to.match(typeof verdict === 'string' ? new RegExp(`^${verdict}$`) : verdict)
        if (password === 'iloveyouiloveyou' || password === PASSWORD)
          await inspectPage(page, `register-live-${password === PASSWORD ? 'good' : 'problem'}`)
        const answered = page.waitForEvent('load')
        await hands.press('Create account')
        await answered
        await says(page, 'Use letters, digits, dots and dashes')
        const said = (await refusal.count()) > 0 ? await refusal.innerText() : 'This password will do.'
        expect(said, password).to.equal(live)
        if (password === 'iloveyouiloveyou') await inspectPage(page, 'register-refused')
      }
    })

    it('shows and hides the password, and never sends it as text', async () => {
      const hands = await atTheDoor()
      const password = fieldOf(hands.page, 'Password')
      await hands.fill('Password', 'seen by nobody else')
      expect(await password.getAttribute('type')).to.equal('password')
      await hands.press('Show password')
      expect(await password.getAttribute('type')).to.equal('text')
      await inspectPage(hands.page, 'sign-in-password-shown')
      await hands.press('Hide password')
      expect(await password.getAttribute('type')).to.equal('password')
      await hands.press('Show password')
      await hands.page.evaluate(() => {
        document.addEventListener('submit', (event) => event.preventDefault())
      })
      await hands.press('Sign in')
      expect(await password.getAttribute('type')).to.equal('password')
      await hands.page.getByRole('button', { name: 'One moment…' }).waitFor()
      await inspectPage(hands.page, 'sign-in-sending')
    })

    it('sends a form once, however often the button is pressed', async () => {
      const hands = await atTheDoor()
      const { page } = hands
      const posts = countPosts(page, /sign-in$/)
      await hands.fill('Email or username', EVE)
      await hands.fill('Password', PASSWORD)
      const label = await page.getByRole('button', { name: 'Sign in' }).evaluate((button: HTMLElement) => {
        for (let presses = 0; presses < 3; presses += 1) button.click()
        return button.textContent
      })
      expect(label).to.equal('One moment…')
      await heading(page, 'Allow access?', 1)
      expect(posts.count).to.equal(1)
    })

    it('keeps somebody signed in only when asked', async () => {
      for (const keep of [false, true]) {
        const hands = await atTheDoor()
        if (keep) await hands.tick('Keep me signed in on this device')
        await signIn(hands, EVE)
        await hands.press('Allow')
        await heading(hands.page, `Signed in as ${EVE}`, 2)
        const cookies = await hands.page.context().cookies(ostiary.issuer)
        const session = cookies.find(({ name }) => name === 'ostiary_session')
        const days = ((session?.expires ?? 0) - Date.now() / 1000) / 86_400
        if (keep) expect(days).to.be.greaterThan(1)
        else expect(session?.expires, 'a cookie of the browser session').to.equal(-1)
      }
    })

    it('offers the accounts of this browser: go on, another, forget', async () => {
      const visitor = await newVisitor()
      const { page } = await signedIn(EVE, visitor)
      await page.close()
      const choose = async (): Promise<Hands> => {
        const tab = await visitor.newTab()
        const url = new URL(await authorizationUrl(tab, ostiary))
        url.searchParams.set('prompt', 'select_account')
        await tab.goto(url.href)
        await heading(tab, 'Choose an account', 1)
        return new Hands(tab)
      }

      const first = await choose()
      await first.press(new RegExp(`${EVE}.*Signed in`))
      await heading(first.page, `Signed in as ${EVE}`, 2)

      const second = await choose()
      await second.press('Use another account')
      await signIn(second, OTTO)
      await second.press('Allow')
      await heading(second.page, `Signed in as ${OTTO}`, 2)

      const third = await choose()
      await third.page.getByRole('button', { name: new RegExp(`${OTTO}.*Signed in`) }).waitFor()
      await inspectPage(third.page, 'select-account')
      await third.press(new RegExp(`${EVE}.*Asks for the password`))
      expect(await fieldOf(third.page, 'Email or username').inputValue()).to.equal(EVE)
      await third.fill('Password', PASSWORD)
      await third.press('Sign in')
      await heading(third.page, `Signed in as ${EVE}`, 2)

      const fourth = await choose()
      const forget = fourth.page.getByRole('button', { name: /^Forget/ })
      expect(await forget.count(), 'who is signed in cannot be forgotten').to.equal(1)
      await fourth.press(`Forget ${OTTO} on this device`)
      await heading(fourth.page, 'Choose an account', 1)
      expect(await fourth.page.innerText('main'))
        .to.include(EVE)
        .and.not.include(OTTO)
      await fourth.press('Cancel and go back to Sample web app')
      await says(fourth.page, 'The sign-in was cancelled at the provider.')
    })

    it('changes the account at the consent page', async () => {
      const visitor = await newVisitor()
      const { page } = await signedIn(EVE, visitor)
      await page.close()
      const hands = new Hands(await visitor.newTab())
      await hands.page.goto(`${ostiary.samples}/spa`)
      await hands.press('Sign in')
      await hands.press('Use another account')
      await heading(hands.page, 'Choose an account', 1)
      await hands.press('Use another account')
      await signIn(hands, OTTO)
      await hands.press('Allow')
      await heading(hands.page, `Signed in as ${OTTO}`, 2)
    })

    it('tells the owner of an address, and nobody else, that there is an account', async () => {
      const hands = await atTheDoor()
      await register(hands, OTTO)
      await heading(hands.page, 'Check your mail', 1)
      const tab = await hands.page.context().newPage()
      const link = await openMailedLink(tab, ostiary, OTTO, {
        subject: /already have an account/,
        button: 'Sign in',
      })
      await heading(link, 'The door is open', 1)
    })

    it('takes the link of a mail once, and the newest one only', async () => {
      const hands = await atTheDoor()
      await hands.follow('Forgot your password?')
      await hands.fill('Email address', 'otto')
      await hands.press('Send the link')
      await says(hands.page, 'This does not look like an email address.')
      await inspectPage(hands.page, 'forgot-password-wrong')
      await hands.fill('Email address', OTTO)
      await hands.press('Send the link')
      await heading(hands.page, 'Check your mail', 1)
      const tab = await hands.page.context().newPage()
      const mail = { subject: /Choose a new password/, button: 'Choose a new password' }
      const link = await openMailedLink(tab, ostiary, OTTO, mail)
      const address = link.url()
      const there = new Hands(link)
      await there.fill('New password', 'short')
      await there.press('Change password')
      await says(link, 'Password: Use 15 characters or more.')
      await inspectPage(link, 'reset-password-short')
      await there.fill('New password', `${PASSWORD}, closed now`)
      await there.press('Change password')
      await heading(link, 'Password changed', 1)
      await link.goto(address)
      await heading(link, 'This link has been used', 1)
      await inspectPage(link, 'reset-password-used')
      await there.follow('Send me a new link')
      await heading(link, 'Reset your password', 1)
      await link.goto(address.slice(0, -3))
      await heading(link, 'This link does not work', 1)
      await inspectPage(link, 'error-link-invalid')
    })

    it('slows down whoever guesses', async () => {
      const hands = await atTheDoor()
      for (let guess = 1; guess <= 11; guess += 1) {
        const answered = hands.page.waitForEvent('load')
        await signIn(hands, OTTO, `a wrong guess, number ${guess}`)
        await answered
        await says(hands.page, guess < 11 ? 'is not right' : 'Too many attempts for now.')
      }
      await says(hands.page, /Try again in \d+ (minutes|seconds)/)
      await inspectPage(hands.page, 'sign-in-throttled')
    })

    it('cannot be framed by another site', async () => {
      const visitor = await newVisitor()
      visitor.expect(/frame-ancestors/, /Refused to frame|Refused to display|chrome-error/, /^framed: /)
      const page = await visitor.newTab()
      await page.goto(`${ostiary.samples}/spa`)
      await heading(page, 'You are not signed in', 2)
      const refused = page.waitForEvent('console', (line) => line.text().includes('frame-ancestors'))
      await page.evaluate((address) => {
        const frame = document.createElement('iframe')
        frame.src = address
        document.body.append(frame)
      }, ostiary.issuer)
      await refused
    })

    it('passes on a device code from its address without a press', async () => {
      // the engine's own page, whose script is in our policy by its hash
      const page = await (await newVisitor()).newTab()
      await page.goto(`${ostiary.issuer}/device?user_code=ZZZZ-ZZZZ`)
      await says(page, 'This code is not right')
    })

    it('empties the mailbox', async () => {
      const page = await (await newVisitor()).newTab()
      await awaitMail(page, ostiary, OTTO, /is your code/)
      await new Hands(page).press('Empty the mailbox')
      await says(page, 'Nothing here yet.')
      await inspectPage(page, 'mailbox-empty')
    })
  })

  describe('a minute later', () => {
    it('sends a new code when the minute is over, and takes it', async () => {
      const { page } = rose
      await page.getByText('You can ask for another mail now.').waitFor({ timeout: 90_000 })
      await inspectPage(page, 'verify-email-ready')
      await rose.press('Send a new code')
      await says(page, 'We have sent you a new mail. Older codes no longer work.')
      const tab = await page.context().newPage()
      await rose.fill('6-digit code', await readCode(tab, ostiary, ROSE))
      await rose.press('Allow')
      await heading(page, `Signed in as ${ROSE}`, 2)
    })
  })
})

function countPosts(page: Page, path: RegExp): { count: number } {
  const posts = { count: 0 }
  page.on('request', (request) => {
    if (request.method() === 'POST' && path.test(new URL(request.url()).pathname)) posts.count += 1
  })
  return posts
}
