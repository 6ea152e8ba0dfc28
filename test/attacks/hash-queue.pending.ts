/** Nobody alone may fill the queue for password hashing (security.md 5.2: at most a quarter of it for one network). */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

const OWN_ACCOUNTS = 8
const PARALLEL = 10

for (const stack of STACKS) {
  describe(`the hashing queue (${stack})`, () => {
    let running: RunningApp
    before(async () => {
      running = await startApp({
        stack,
        settings: { TRUSTED_PROXIES: '127.0.0.1,::1', ARGON2_MEMORY_KIB: '47104' },
        overrides: { clients: [webClient()] },
      })
      for (let i = 0; i < OWN_ACCOUNTS; i += 1) await createPerson(running, { email: `own-${i}@example.org` })
      await createPerson(running, { email: 'bystander@example.org' })
    })
    after(() => running.close())

    async function form(ip: string) {
      const agent = new UserAgent()
      const page = await agent.get((await begin(await discover(running.issuer))).url.href, {
        'x-forwarded-for': ip,
      })
      const found = page.forms.find(({ action }) => action.endsWith('/sign-in'))
      const url = new URL(found?.action ?? '', page.url).href
      return async (identifier: string) => {
        const body = new URLSearchParams({
          ...Object.fromEntries(found?.fields ?? []),
          identifier,
          password: PASSWORD,
        })
        const headers = { cookie: agent.cookieHeader(url), 'x-forwarded-for': ip, accept: 'text/html' }
        const answer = await fetch(url, { method: 'POST', redirect: 'manual', headers, body })
        await answer.arrayBuffer()
        return answer.status
      }
    }

    it('has room for others while one network signs in to its own accounts without end', async function () {
      this.timeout(60_000)
      const attacks = await Promise.all(
        Array.from({ length: OWN_ACCOUNTS }, async (_, i) => ({
          send: await form('203.0.113.66'),
          email: `own-${i}@example.org`,
        })),
      )
      const seen: Record<number, number> = {}
      const stop = Date.now() + 8000
      const loops = attacks.flatMap(({ send, email }) =>
        Array.from({ length: PARALLEL }, async () => {
          while (Date.now() < stop) {
            const status = await send(email)
            seen[status] = (seen[status] ?? 0) + 1
          }
        }),
      )
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const bystander: number[] = []
      while (Date.now() < stop - 500) {
        bystander.push(await (await form('198.51.100.1'))('bystander@example.org'))
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
      await Promise.all(loops)
      const busy = bystander.filter((status) => status === 503).length
      expect(busy, `503 of ${bystander.length} (the attacker: ${JSON.stringify(seen)})`).to.equal(0)
    })
  })
}
