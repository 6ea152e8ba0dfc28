/** A stranger registers somebody else's address first. Nothing of the stranger's may be left once its owner proved it. */
import { expect } from 'chai'
import { begin, discover, exchange, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const MINE = 'a password only the stranger knows'

for (const stack of STACKS) {
  describe(`an address registered by a stranger before its owner (${stack})`, () => {
    let running: RunningApp
    before(async () => {
      running = await startApp({ stack, overrides: { clients: [webClient()] } })
    })
    after(() => running.close())

    const newAgent = () => {
      const agent = new UserAgent()
      agent.stopAt = (url) => url.startsWith('http://localhost:9/')
      return agent
    }
    async function register(
      agent: UserAgent,
      fields: Record<string, string>,
    ): Promise<{ page: Page; started: Awaited<ReturnType<typeof begin>> }> {
      const started = await begin(await discover(running.issuer), { scope: 'openid email profile' })
      const first = await agent.get(started.url.href)
      const form = await agent.get(`${first.url}/register`)
      return { page: await agent.submit(form, fields, '/register'), started }
    }
    const codeIn = (text: string) => /(\d{3}) ?(\d{3})/.exec(text)?.slice(1).join('') ?? ''
    const linkIn = (text: string) => /https?:\/\/\S+\/verify-email\/\S+/.exec(text)?.[0] ?? ''

    it("keeps nothing of the stranger's: name, username, password", async () => {
      const email = 'victim-1@example.org'
      await register(newAgent(), { email, password: MINE, name: 'Mallory Stranger', username: 'mallory-1' })
      await running.nextMail(email, 0)
      const agent = newAgent()
      const { page, started } = await register(agent, {
        email,
        password: PASSWORD,
        name: 'Victoria',
        username: 'victoria-1',
      })
      const mail = await running.nextMail(email, 1)
      let next = await agent.submit(page, { code: codeIn(mail.text) }, '/verify-email')
      next = await agent.submit(next, {}, '/consent')
      const tokens = await exchange(await discover(running.issuer), next.url, started)
      const user = await running.app.storage.database.users.find(String(tokens.claims()?.sub))
      expect(user?.profile.name).to.equal('Victoria')
      expect(user?.username).to.equal('victoria-1')
    })

    it('is not handed to the stranger by the first mail, opened by an owner who is registering', async () => {
      const email = 'victim-2@example.org'
      const stranger = newAgent()
      const waiting = await register(stranger, { email, password: MINE })
      const first = await running.nextMail(email, 0)
      // now the owner, in a browser of their own
      const owner = newAgent()
      await register(owner, { email, password: PASSWORD })
      await running.nextMail(email, 1)
      // two mails that look the same; the owner presses the button of the wrong one
      const page = await owner.get(linkIn(first.text))
      if (page.forms.length > 0) await owner.submit(page, {}, '/verify-email/')
      // the stranger's browser only reloads
      const gained = await stranger.get(waiting.page.url)
      expect(gained.forms.map(({ action }) => action).join(' '), 'signed in').to.not.match(/\/consent/)
    })
  })
}
