import { expect } from 'chai'
import { discoverPublic, JANE, newAgent, onEveryStack, responseOf, signIn } from '../support/protocol.ts'
import {
  begin,
  CALLBACK,
  discover,
  exchange,
  PASSWORD,
  publicClient,
  walk,
  webClient,
} from '../support/relying-party.ts'
import type { Page, UserAgent } from '../support/user-agent.ts'

const JOHN = { email: 'john@example.org' }
let ago = 0
const clock = { now: () => new Date(Date.now() - ago * 1000) }
const options = { overrides: { clients: [webClient(), publicClient()], clock }, people: [JANE, JOHN] }

onEveryStack('prompt, max_age and hints', options, (app) => {
  const rp = () => discover(app.issuer)
  const ask = async (agent: UserAgent, parameters: Record<string, string>) => {
    const started = await begin(await rp(), parameters)
    return { started, page: await agent.get(started.url.href) }
  }
  const view = (page: Page) => /class="view-([\w-]+)"/.exec(page.text)?.[1] ?? page.url
  const errorOf = (page: Page) => responseOf(page.url).error
  const credentials = (email: string) => ({ identifier: email, password: PASSWORD })

  /** Signs in so many seconds ago. */
  async function signedIn(seconds = 0) {
    ago = seconds
    try {
      return await signIn(await rp())
    } finally {
      ago = 0
    }
  }

  describe('prompt=none (OIDC Core 3.1.2.1)', () => {
    it('answers login_required where nobody is signed in, and signs nobody in', async () => {
      const agent = newAgent()
      const { page } = await ask(agent, { prompt: 'none' })
      expect(errorOf(page)).to.equal('login_required')
      expect(agent.cookie('ostiary_session')).to.equal(undefined)
    })

    it('gives a code where somebody is, and the ID token keeps the first sign-in’s time', async () => {
      const { agent, tokens } = await signedIn(100)
      const { started, page } = await ask(agent, { prompt: 'none' })
      const renewed = await exchange(await rp(), page.url, started)
      expect(renewed.claims()?.sub).to.equal(tokens.claims()?.sub)
      expect(renewed.claims()?.auth_time).to.equal(tokens.claims()?.auth_time)
      expect(renewed.claims()?.auth_time).to.be.closeTo(Date.now() / 1000 - 100, 5)
    })

    it('answers consent where something new is asked for', async () => {
      const { agent } = await signedIn()
      const { page } = await ask(agent, { prompt: 'none', scope: 'openid email address' })
      expect(errorOf(page)).to.be.oneOf(['consent_required', 'interaction_required'])
      expect(responseOf(page.url)).to.not.have.property('code')
    })

    it('goes with no other prompt', async () => {
      const { agent } = await signedIn()
      const { page } = await ask(agent, { prompt: 'none login' })
      expect(errorOf(page)).to.equal('invalid_request')
    })
  })

  describe('prompt=login', () => {
    it('asks for the password again, names the account, and renews auth_time', async () => {
      const { agent, tokens } = await signedIn(100)
      const { started, page } = await ask(agent, { prompt: 'login' })
      expect(view(page)).to.equal('sign-in')
      expect(page.text).to.include(JANE.email)
      const done = await agent.submit(page, credentials(JANE.email), '/sign-in')
      const renewed = await exchange(await rp(), done.url, started)
      expect(renewed.claims()?.sub).to.equal(tokens.claims()?.sub)
      expect(renewed.claims()?.auth_time).to.be.closeTo(Date.now() / 1000, 5)
    })

    it('lets nobody through with a wrong password, although the session lives', async () => {
      const { agent } = await signedIn()
      const { page } = await ask(agent, { prompt: 'login' })
      const wrong = { identifier: JANE.email, password: 'not the right one at all' }
      const answer = await agent.submit(page, wrong, '/sign-in')
      expect([answer.status, view(answer)]).to.deep.equal([401, 'sign-in'])
      expect(view(await agent.get(page.url))).to.equal('sign-in')
    })
  })

  it('prompt=consent asks again although everything was allowed before', async () => {
    const { agent } = await signedIn()
    const { page } = await ask(agent, { prompt: 'consent' })
    expect(view(page)).to.equal('consent')
    const { url } = await agent.submit(page, {}, '/consent')
    expect(responseOf(url).code).to.be.a('string')
  })

  describe('prompt=select_account', () => {
    it('offers the account that is signed in, and goes on with it without a password', async () => {
      const { agent, sub } = await signedIn()
      const { started, page } = await ask(agent, { prompt: 'select_account' })
      expect(view(page)).to.equal('select-account')
      expect(page.text).to.include(JANE.email)
      const { url } = await agent.submit(page, { account: sub }, '/account')
      expect((await exchange(await rp(), url, started)).claims()?.sub).to.equal(sub)
    })

    it('lets another sign in, who then is the one the app gets', async () => {
      const { agent, sub } = await signedIn()
      const { started, page } = await ask(agent, { prompt: 'select_account' })
      const form = await agent.submit(page, {}, '/other')
      let next = await agent.submit(form, credentials(JOHN.email), '/sign-in')
      // The engine ends the first one's session by a form of its own.
      if (next.forms.some(({ action }) => action.includes('/session/end'))) next = await agent.submit(next)
      if (view(next) === 'consent') next = await agent.submit(next, {}, '/consent')
      const tokens = await exchange(await rp(), next.url, started)
      expect(tokens.claims()?.sub).to.match(/^usr_/).and.not.equal(sub)
    })

    it('takes no account from a stranger’s list', async () => {
      const { sub } = await signIn(await rp(), {}, { person: JOHN })
      const { agent } = await signedIn()
      const { page } = await ask(agent, { prompt: 'select_account' })
      const answer = await agent.submit(page, { account: sub }, '/account')
      expect(answer.status).to.equal(403)
    })

    it('shows the sign-in where there is no account to choose', async () => {
      expect(view((await ask(newAgent(), { prompt: 'select_account' })).page)).to.equal('sign-in')
    })
  })

  it('refuses prompts it does not know', async () => {
    expect(errorOf((await ask(newAgent(), { prompt: 'dance' })).page)).to.equal('invalid_request')
  })

  describe('max_age (OIDC Core 3.1.2.1)', () => {
    it('lets a sign-in through that is young enough', async () => {
      const { agent } = await signedIn(100)
      const { page } = await ask(agent, { max_age: '200' })
      expect(responseOf(page.url).code).to.be.a('string')
    })

    it('asks again after one that is too old, and says when that was', async () => {
      const { agent } = await signedIn(100)
      const silent = await ask(agent, { max_age: '50', prompt: 'none' })
      expect(errorOf(silent.page)).to.equal('login_required')
      const { started, page } = await ask(agent, { max_age: '50' })
      expect(view(page)).to.equal('sign-in')
      const done = await agent.submit(page, credentials(JANE.email), '/sign-in')
      const tokens = await exchange(await rp(), done.url, started)
      expect(tokens.claims()?.auth_time).to.be.closeTo(Date.now() / 1000, 5)
    })

    it('refuses what is no number of seconds', async () => {
      for (const max_age of ['-1', 'soon', '1.5'])
        expect(errorOf((await ask(newAgent(), { max_age })).page), max_age).to.equal('invalid_request')
    })
  })

  describe('id_token_hint (OIDC Core 3.1.2.1)', () => {
    const hintOf = (tokens: { id_token?: string }) => ({ id_token_hint: String(tokens.id_token) })

    it('lets the person through whom it names', async () => {
      const { agent, tokens } = await signedIn()
      const { page } = await ask(agent, { prompt: 'none', ...hintOf(tokens) })
      expect(responseOf(page.url).code).to.be.a('string')
    })

    it('stops where somebody else is signed in', async () => {
      const { tokens } = await signIn(await rp(), {}, { person: JOHN })
      const { agent } = await signedIn()
      const { page } = await ask(agent, { prompt: 'none', ...hintOf(tokens) })
      expect(errorOf(page)).to.equal('login_required')
    })

    it('is refused when it was tampered with, or made for another app', async () => {
      const { agent, tokens } = await signedIn()
      const [head, body] = String(tokens.id_token).split('.')
      const none = Buffer.from('{"alg":"none"}').toString('base64url')
      const { tokens: foreign } = await signIn(await discoverPublic(app.issuer))
      const hints = [`${head}.${body}.AAAA`, `${none}.${body}.`, 'nonsense', String(foreign.id_token)]
      for (const id_token_hint of hints) {
        const { page } = await ask(agent, { prompt: 'none', id_token_hint })
        expect(errorOf(page), id_token_hint.slice(0, 30)).to.equal('invalid_request')
      }
    })
  })

  describe('login_hint (OIDC Core 3.1.2.1)', () => {
    it('fills the name in, and nothing more', async () => {
      const { page } = await ask(newAgent(), { login_hint: 'somebody@example.org' })
      const form = page.forms.find(({ action }) => action.endsWith('/sign-in'))
      expect(Object.fromEntries(form?.fields ?? []).identifier).to.equal('somebody@example.org')
    })

    it('is shown as text, whatever it holds', async () => {
      const { page } = await ask(newAgent(), { login_hint: '"><script>alert(1)</script>' })
      expect(page.text).to.not.include('<script>alert')
      expect(page.text).to.include('&lt;script&gt;alert')
    })
  })

  it('essential acr that this house does not have leads to no code (OIDC Core 5.5.1.1)', async () => {
    const { agent } = await signedIn()
    const claims = JSON.stringify({ id_token: { acr: { essential: true, value: 'urn:made-up' } } })
    const { page } = await ask(agent, { prompt: 'none', claims })
    expect(responseOf(page.url)).to.not.have.property('code')
    const known = JSON.stringify({
      id_token: { acr: { essential: true, value: 'urn:ostiary:acr:password' } },
    })
    const good = await ask(agent, { prompt: 'none', claims: known })
    expect(responseOf(good.page.url).code).to.be.a('string')
  })

  it('walks a signed-in person through again without a page', async () => {
    const { agent } = await signedIn()
    const { url } = await begin(await rp())
    expect((await walk(agent, url, JANE)).url).to.include(`${CALLBACK}?code=`)
  })
})
