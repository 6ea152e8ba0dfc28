/** Initiating User Registration via OpenID Connect 1.0: `prompt=create`. */
import { expect } from 'chai'
import { JANE, newAgent, onEveryStack, responseOf, signIn } from '../support/protocol.ts'
import { begin, discover, exchange, PASSWORD, webClient } from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

onEveryStack('prompt=create', { overrides: { clients: [webClient()] } }, (app) => {
  const view = (page: Page) => /class="view-([\w-]+)"/.exec(page.text)?.[1] ?? page.url

  async function arrive(agent: UserAgent, more: Record<string, string> = {}) {
    const started = await begin(await discover(app.issuer), { prompt: 'create', ...more })
    return { started, page: await agent.get(started.url.href) }
  }

  /** Registers on the page in hand and proves the address; the page after that. */
  async function register(agent: UserAgent, page: Page, email: string): Promise<Page> {
    const waiting = await agent.submit(page, { email, password: PASSWORD }, '/register')
    const code =
      /(\d{3}) ?(\d{3})/
        .exec((await app.nextMail(email)).text)
        ?.slice(1)
        .join('') ?? ''
    let next = await agent.submit(waiting, { code }, '/verify-email')
    // Where somebody else was signed in the engine ends that session by a form of its own.
    if (next.forms.some(({ action }) => action.includes('/session/end'))) next = await agent.submit(next)
    return view(next) === 'consent' ? agent.submit(next, {}, '/consent') : next
  }

  it('opens with the registration, filled in from login_hint, and ends at the app', async () => {
    const agent = newAgent()
    const email = 'newcomer@example.org'
    const { started, page } = await arrive(agent, { login_hint: email })
    expect(view(page)).to.equal('register')
    const form = page.forms.find(({ action }) => action.endsWith('/register'))
    expect(Object.fromEntries(form?.fields ?? []).email).to.equal(email)
    const { url } = await register(agent, page, email)
    const tokens = await exchange(await discover(app.issuer), url, started)
    expect(tokens.claims()?.sub).to.match(/^usr_/)
  })

  it('makes another account for who is signed in, and does not take the old one for it', async () => {
    const { agent, sub } = await signIn(await discover(app.issuer))
    const { started, page } = await arrive(agent)
    expect(view(page)).to.equal('register')
    const { url } = await register(agent, page, 'second@example.org')
    const tokens = await exchange(await discover(app.issuer), url, started)
    expect(tokens.claims()?.sub).to.match(/^usr_/).and.not.equal(sub)
  })

  it('lets people sign in who have an account after all', async () => {
    const agent = newAgent()
    const { started, page } = await arrive(agent)
    const form = await agent.get(`${page.url}/sign-in`)
    expect(view(form)).to.equal('sign-in')
    let next = await agent.submit(form, { identifier: JANE.email, password: PASSWORD }, '/sign-in')
    if (view(next) === 'consent') next = await agent.submit(next, {}, '/consent')
    expect((await exchange(await discover(app.issuer), next.url, started)).id_token).to.be.a('string')
  })

  it('goes with no prompt=none', async () => {
    const { page } = await arrive(newAgent(), { prompt: 'none create' })
    expect(responseOf(page.url).error).to.equal('invalid_request')
  })
})
