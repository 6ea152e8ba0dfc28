/**
 * Whether an address or a name has an account is told by no page (OWASP ASVS 5.0 6.3.8). Each test asks in both
 * worlds, with and without the account, and expects the same answer.
 */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const MINE = 'a password only the stranger knows'

for (const stack of STACKS) {
  describe(`who has an account (${stack})`, () => {
    let running: RunningApp
    before(async () => {
      running = await startApp({ stack, overrides: { clients: [webClient()] } })
      await createPerson(running, { email: 'taken@example.org', username: 'taken.name' })
    })
    after(() => running.close())

    const newAgent = () => {
      const agent = new UserAgent()
      agent.stopAt = (url) => url.startsWith('http://localhost:9/')
      return agent
    }
    const signInPage = async (agent: UserAgent) =>
      agent.get((await begin(await discover(running.issuer))).url.href)

    async function register(email: string, username = ''): Promise<Page> {
      const agent = newAgent()
      const page = await signInPage(agent)
      const form = await agent.get(`${page.url}/register`)
      return agent.submit(form, { email, username, password: MINE }, '/register')
    }

    async function signIn(identifier: string, password: string): Promise<Page> {
      const agent = newAgent()
      return agent.submit(await signInPage(agent), { identifier, password }, '/sign-in')
    }

    const shape = (page: Page) => ({
      status: page.status,
      view: /class="view-([\w-]+)"/.exec(page.text)?.[1],
    })

    it('is not told by signing in with the password one just registered with', async () => {
      await register('free@example.org')
      await register('taken@example.org')
      const free = await signIn('free@example.org', MINE)
      const taken = await signIn('taken@example.org', MINE)
      expect(shape(free)).to.deep.equal(shape(taken))
    })

    it('is not told by signing in with the username one just registered', async () => {
      await register('free-2@example.org', 'stranger.one')
      await register('taken@example.org', 'stranger.two')
      const free = await signIn('stranger.one', MINE)
      const taken = await signIn('stranger.two', MINE)
      expect(shape(free)).to.deep.equal(shape(taken))
    })

    it("is not told by a username that is refused because its account's address was", async () => {
      // An account's two names are counted together, two unknown names apart.
      for (let tries = 0; tries < 10; tries += 1) {
        await signIn('taken@example.org', 'wrong wrong wrong wrong')
        await signIn('nobody@example.org', 'wrong wrong wrong wrong')
      }
      const linked = await signIn('taken.name', 'wrong wrong wrong wrong')
      const unlinked = await signIn('nobody.name', 'wrong wrong wrong wrong')
      expect(linked.status).to.equal(unlinked.status)
    })
  })
}
