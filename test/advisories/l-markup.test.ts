/**
 * Advisory group L (markup in what others say): a polyglot in every field that is stored or said back, on pages and in
 * mails, looked at by Chromium: no dialog, no report of the policy, no element that was not ours; and the words are there,
 * as words. CVE-2024-28855, CVE-2024-29891, CVE-2024-41953 (mails), CVE-2025-67495, CVE-2026-29191, CVE-2026-29192,
 * CVE-2026-33525, CVE-2019-8400 (error_hint), CVE-2026-5468, CVE-2025-32379
 */
import { expect } from 'chai'
import type { Browser, Page } from 'playwright-core'
import { expectNoFaults, launchBrowser, Visitor } from '../support/browser.ts'
import { createPerson } from '../support/people.ts'
import { get, newAgent } from '../support/protocol.ts'
import { CALLBACK, PASSWORD, publicClient, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'

/** Leaves an attribute of either quote, a title, a template; begins elements that act at once. */
const EVIL = `"'></title><img src=x onerror=alert(1)><svg/onload=alert(2)><script>alert(3)</script><%=7*99991%>`
const LINK = 'javascript:alert(4)//'
const API = 'https://evil-api.example.org'

describe('advisories L: markup', function () {
  this.timeout(180_000)
  let app: RunningApp
  let browser: Browser
  let visitor: Visitor
  let page: Page
  const dialogs: string[] = []

  before(async () => {
    const client = {
      client_name: EVIL,
      client_uri: `https://app.example.org/"><img src=x onerror=alert(5)>`,
      policy_uri: `https://app.example.org/'onmouseover='alert(6)`,
      tos_uri: 'https://app.example.org/</a><script>alert(7)</script>',
    }
    app = await startApp({
      settings: {
        RESOURCE_SERVERS: JSON.stringify([
          { audience: API, name: EVIL, scopes: [{ name: 'evil', description: EVIL }] },
        ]),
      },
      overrides: { clients: [webClient(client), publicClient(client)] },
    })
    await createPerson(app, {
      email: 'evil@example.org',
      profile: { name: EVIL, givenName: EVIL, websiteUrl: LINK, pictureUrl: LINK },
    })
    browser = await launchBrowser()
    visitor = await Visitor.arrive(browser, { origins: [app.issuer, 'http://localhost:9'] })
    page = await visitor.newTab()
    page.on('dialog', (dialog) => {
      dialogs.push(`${page.url()}: ${dialog.message()}`)
      void dialog.dismiss()
    })
  })
  afterEach(async function () {
    await expectNoFaults(this, visitor ? [visitor] : [])
    expect(dialogs).to.deep.equal([])
  })
  after(async () => {
    await browser?.close()
    await app?.close()
  })

  /** Nothing on the page came from what somebody said. */
  async function expectInert(where: string): Promise<void> {
    const found = await page.evaluate(() => ({
      handlers: [...document.querySelectorAll('*')].flatMap((element) =>
        element
          .getAttributeNames()
          .filter((name) => name.startsWith('on'))
          .map((name) => `${element.tagName} ${name}`),
      ),
      scripts: [...document.scripts].filter(({ src }) => src === '').map(({ text }) => text),
      pictures: [...document.images].map((image) => image.getAttribute('src')).filter((src) => src === 'x'),
      links: [...document.querySelectorAll('[href],[src],[action]')]
        .flatMap((element) => ['href', 'src', 'action'].map((name) => element.getAttribute(name) ?? ''))
        .filter((address) => /^\s*(javascript|data:text|vbscript):/i.test(address)),
      counted: document.body.innerText.includes('699937'),
    }))
    expect(found, where).to.deep.equal({ handlers: [], scripts: [], pictures: [], links: [], counted: false })
  }

  async function look(path: string): Promise<void> {
    await page.goto(app.issuer + path)
    await expectInert(path.slice(0, 120))
  }

  const authorization = (more: Record<string, string> = {}) =>
    `/auth?${new URLSearchParams({
      ...{
        client_id: 'web',
        redirect_uri: CALLBACK,
        response_type: 'code',
        scope: 'openid profile',
        prompt: 'consent',
      },
      ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
      ...more,
    })}`

  it('in addresses, and what is said of them', async () => {
    const evil = encodeURIComponent(EVIL)
    for (const path of [
      '/',
      '/x/',
      '/approve/',
      '/setup/',
      '/verify-email/',
      '/reset-password/',
      '/interaction/',
    ])
      await look(path + evil)
    for (const path of [
      '/auth/',
      '/mailbox/',
      '/reg/',
      '/device/',
      '/assets/',
      '/docs/',
      '/redoc/',
      '/api/v1/',
    ])
      await look(path + evil)
    for (const name of ['user_code', 'error', 'error_description', 'error_hint', 'state', 'iss'])
      for (const path of ['/device', '/docs/oauth2-redirect.html', '/session/end', '/', '/forgot-password'])
        await look(`${path}?${name}=${evil}`)
    for (const name of [
      'id_token_hint',
      'post_logout_redirect_uri',
      'client_id',
      'logout_hint',
      'ui_locales',
    ])
      await look(`/session/end?${name}=${evil}`)
  })

  it('in parameters of a request (CVE-2019-8400)', async () => {
    const names = [
      'client_id',
      'redirect_uri',
      'response_type',
      'scope',
      'prompt',
      'max_age',
      'nonce',
      'claims',
    ]
    const more = [
      'resource',
      'request',
      'request_uri',
      'acr_values',
      'id_token_hint',
      'response_mode',
      'display',
    ]
    // A refusal that goes back to the app leaves our pages: nothing listens there.
    for (const name of [
      ...names,
      ...more,
      'ui_locales',
      'claims_locales',
      'login_hint',
      'state',
      'web_message_uri',
    ])
      await look(
        authorization({ [name]: EVIL, redirect_uri: name === 'redirect_uri' ? EVIL : `${CALLBACK}x` }),
      )
    await look(authorization({ login_hint: EVIL, ui_locales: EVIL, state: EVIL }))
    expect(await page.locator('input[name=identifier]').inputValue(), 'it is said back').to.equal(EVIL)
    expect(await page.locator('body').innerText(), 'the name of the app').to.include(
      '<img src=x onerror=alert(1)>',
    )
  })

  it('in forms that are shown once more', async () => {
    await look(authorization())
    await page.locator('input[name=identifier]').fill(EVIL)
    await page.locator('input[name=password]').fill(EVIL)
    await page.locator('form[action$="/sign-in"] button[type=submit]').first().click()
    await page.locator('.error-summary, [role=alert]').first().waitFor()
    expect(await page.locator('input[name=identifier]').inputValue()).to.equal(EVIL)
    await expectInert('sign-in')
    const register = `${page.url().replace(/\/sign-in$/, '')}/register`
    await page.goto(register)
    const form = page.locator('form[action$="/register"]')
    // The browser would check the address first; a script of an attacker does not.
    await form.evaluate((element) => element.setAttribute('novalidate', ''))
    await form.locator('details summary').first().click()
    await form.locator('input[name=email]').fill('newcomer@example.org')
    await form.locator('input[name=name]').fill(EVIL.slice(0, 100))
    await form.locator('input[name=username]').fill(EVIL.slice(0, 30))
    await form.locator('input[name=password]').fill('a quite long pass phrase of theirs')
    await form.locator('button[type=submit]').first().click()
    await page.locator('.error-summary, [role=alert]').first().waitFor()
    expect(await form.locator('input[name=username]').inputValue()).to.equal(EVIL.slice(0, 30))
    await expectInert('register')
  })

  it('in the names of an app, an API, what it may, and a person', async () => {
    await look(authorization({ resource: API, scope: 'openid profile evil' }))
    await page.locator('input[name=identifier]').fill('evil@example.org')
    await page.locator('input[name=password]').fill(PASSWORD)
    await page.locator('form[action$="/sign-in"] button[type=submit]').first().click()
    await page.locator('form[action$="/consent"]').waitFor()
    const words = await page.locator('body').innerText()
    expect(words.split('<script>alert(3)</script>').length, 'app, API, scope, person').to.be.above(4)
    await expectInert('consent')
    await look('/')
    await look('/session/end?client_id=web')
    await look(authorization({ prompt: 'select_account' }))
    await look('/device')
  })

  it('in mails (CVE-2024-41953)', async () => {
    const agent = newAgent()
    let form = await agent.get(app.issuer + authorization({ client_id: 'spa', prompt: 'login' }))
    form = await agent.get(`${form.url}/register`)
    const email = 'newcomer@example.org'
    const given = { email, name: EVIL.slice(0, 60), password: 'a quite long pass phrase of theirs' }
    expect((await agent.submit(form, given, '/register')).status).to.be.below(400)
    const forgot = await agent.get(`${app.issuer}/forgot-password`)
    await agent.submit(forgot, { email: 'evil@example.org' }, '/forgot-password')
    await app.nextMail(email)
    await app.nextMail('evil@example.org')
    await look('/mailbox')
    const shown = await page
      .locator('a[href^="/mailbox/"]')
      .evaluateAll((all) => all.map((a) => a.getAttribute('href')))
    expect(shown.length).to.be.above(1)
    for (const address of shown) {
      await look(String(address))
      await look(`${String(address).replace(/\/html$/, '')}/html`)
    }
    for (const { html, subject } of await app.mails()) {
      expect(html).to.not.match(/<(img|svg|script)\b[^>]*(onerror|onload|>alert)/i)
      expect(subject).to.not.match(/[\r\n]/)
    }
  })

  it('in an answer that is posted by the browser (form_post)', async () => {
    const state = EVIL
    const agent = newAgent()
    const answer = await agent.get(
      app.issuer + authorization({ response_mode: 'form_post', prompt: 'none', state }),
    )
    const fields = Object.fromEntries(answer.forms[0]?.fields ?? [])
    expect(fields).to.include({ error: 'login_required', state })
    expect(answer.text).to.not.include('<img src=x')
  })

  it('by a policy that has no script inside pages, whatever the answer', async () => {
    for (const path of [
      '/',
      '/docs',
      '/redoc',
      authorization(),
      '/nowhere',
      '/device',
      '/session/end',
      '/mailbox',
    ]) {
      const { headers } = await get(app.issuer + path, { headers: { accept: 'text/html' } })
      const policy = headers.get('content-security-policy') ?? ''
      expect(policy, path).to.match(/default-src 'none'/)
      expect(/script-src ([^;]*)/.exec(policy)?.[1], path).to.match(/^'self'( 'sha256-[\w+/=]+')*$/)
      expect(policy, path).to.not.match(/unsafe-(inline|eval)|\*|https?:/)
    }
  })
})
