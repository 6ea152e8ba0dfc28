/** What people do on their way, in words of the pages: no selectors of ours, so that a page may change its markup. */
import type { Locator, Page } from 'playwright-core'
import type { OstiaryProcess } from '../support/ostiary-process.ts'

export const PASSWORD = 'seven calm herons by the door'

/** The hands of one person: what they press and fill in is counted. */
export class Hands {
  clicks = 0
  fields = 0
  page: Page

  constructor(page: Page) {
    this.page = page
  }

  async press(button: string | RegExp): Promise<void> {
    this.clicks += 1
    await this.page.getByRole('button', { name: button }).click()
  }

  async follow(link: string | RegExp): Promise<void> {
    this.clicks += 1
    await this.page.getByRole('link', { name: link }).click()
  }

  /** Follows a link that opens a tab. */
  async open(link: string | RegExp): Promise<Page> {
    const tab = this.page.context().waitForEvent('page')
    await this.follow(link)
    const opened = await tab
    await opened.waitForLoadState()
    return opened
  }

  async fill(field: string, value: string): Promise<void> {
    this.fields += 1
    await fieldOf(this.page, field).fill(value)
  }

  async tick(box: string | RegExp): Promise<void> {
    this.clicks += 1
    await this.page.getByRole('checkbox', { name: box }).check()
  }
}

export const fieldOf = (page: Page, label: string): Locator => page.getByLabel(label, { exact: true })

export const heading = (page: Page, name: string | RegExp, level?: number): Promise<void> =>
  page.getByRole('heading', { name, ...(level === undefined ? {} : { level }) }).waitFor()

export const says = (page: Page, words: string | RegExp): Promise<void> =>
  page.getByText(words).first().waitFor()

/** From the sign-in page to the registration posted. */
export async function register(hands: Hands, email: string, name?: string): Promise<void> {
  await hands.follow('Create an account')
  await hands.fill('Email address', email)
  await hands.fill('Password', PASSWORD)
  if (name !== undefined) {
    await hands.page.getByText('Add a name or username').click()
    await fieldOf(hands.page, 'Your name (optional)').fill(name)
  }
  await hands.press('Create account')
}

export async function signIn(hands: Hands, email: string, password = PASSWORD): Promise<void> {
  await hands.fill('Email or username', email)
  await hands.fill('Password', password)
  await hands.press('Sign in')
}

/** Waits in the mailbox, refreshing as a person would, for the newest mail to somebody; `tab` shows the list then. */
export async function awaitMail(
  tab: Page,
  ostiary: OstiaryProcess,
  to: string,
  subject: RegExp,
): Promise<Locator> {
  const deadline = Date.now() + 30_000
  for (;;) {
    await tab.goto(`${ostiary.issuer}/mailbox`)
    const mail = tab.getByRole('listitem').filter({ hasText: to }).filter({ hasText: subject }).first()
    if ((await mail.count()) > 0) return mail.getByRole('link')
    if (Date.now() > deadline) throw new Error(`no mail to ${to} with ${subject}`)
  }
}

/** The code in the newest mail to somebody, read off its subject in the list. */
export async function readCode(tab: Page, ostiary: OstiaryProcess, to: string): Promise<string> {
  const mail = await awaitMail(tab, ostiary, to, /is your code/)
  const digits = /(\d{3}) ?(\d{3})/.exec(await mail.innerText())
  if (!digits) throw new Error('the subject holds no code')
  return `${digits[1]}${digits[2]}`
}

/** Opens the newest such mail and the link in it, as the mail's own button does. */
export async function openMailedLink(
  tab: Page,
  ostiary: OstiaryProcess,
  to: string,
  mail: { subject: RegExp; button: string },
): Promise<Page> {
  await (await awaitMail(tab, ostiary, to, mail.subject)).click()
  const link = tab.frameLocator('iframe').getByRole('link', { name: mail.button })
  // The sandboxed frame is a process of its own: a press can come before the browser knows to pass it on there.
  for (let tries = 1; ; tries += 1) {
    const opened = tab.context().waitForEvent('page', { timeout: 8000 })
    const [page] = await Promise.all([opened.catch(() => undefined), link.click()])
    if (page) {
      await page.waitForLoadState()
      return page
    }
    if (tries === 4) throw new Error(`"${mail.button}" in the mail opens nothing`)
  }
}

/** The address to which the sample web app sends a browser that wants to sign in, kept for a test to change. */
export async function authorizationUrl(page: Page, ostiary: OstiaryProcess): Promise<string> {
  const answer = await page.context().request.post(`${ostiary.samples}/web/sign-in`, { maxRedirects: 0 })
  const address = answer.headers().location
  if (address === undefined) throw new Error(`the sample web app answered ${answer.status()}`)
  return address
}
