/** A stranger's failures must not keep the owner out (OWASP ASVS 5.0 6.1.1, 6.3.1), nor cost us without bound. */
import { expect } from 'chai'
import { Throttle } from '../../src/domain/protection/throttle.ts'
import { createPerson } from '../support/people.ts'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const NEW_PASSWORD = 'a newer calm keeper of the door'

for (const stack of STACKS) {
  describe(`a stranger's failures (${stack})`, () => {
    let running: RunningApp
    beforeEach(async () => {
      running = await startApp({
        stack,
        // Everything on loopback; the address is the one the trusted proxy reports.
        settings: { TRUSTED_PROXIES: '127.0.0.1,::1' },
        overrides: {
          clients: [webClient()],
          limits: { signInStranger: 3, signInMonth: 5, signInNetwork: 6 },
        },
      })
    })
    afterEach(() => running.close())

    const newAgent = () => {
      const agent = new UserAgent()
      agent.stopAt = (url) => url.startsWith('http://localhost:9/')
      return agent
    }

    async function signIn(agent: UserAgent, identifier: string, password: string, ip: string): Promise<Page> {
      const headers = { 'x-forwarded-for': ip }
      const page = await agent.get((await begin(await discover(running.issuer))).url.href, headers)
      const form = page.forms.find(({ action }) => action.endsWith('/sign-in'))
      if (!form) return page
      const fields = { ...Object.fromEntries(form.fields), identifier, password }
      return agent.post(new URL(form.action, page.url).href, fields, headers)
    }

    async function exhaust(email: string): Promise<void> {
      for (let tries = 0; tries < 8; tries += 1)
        await signIn(newAgent(), email, 'wrong wrong wrong wrong', `198.51.100.${tries}`)
    }

    it('leave the owner a way in on a new browser: the mail', async () => {
      await createPerson(running, { email: 'owner@example.org' })
      await exhaust('owner@example.org')
      const agent = newAgent()
      expect((await signIn(agent, 'owner@example.org', PASSWORD, '203.0.113.7')).status).to.equal(429)
      const forgot = await agent.get(`${running.issuer}/forgot-password`)
      await agent.submit(forgot, { email: 'owner@example.org' })
      const mail = await running.nextMail('owner@example.org')
      const link = /https?:\/\/\S+\/reset-password\/\S+/.exec(mail.text)?.[0] ?? ''
      const done = await agent.submit(await agent.get(link), { password: NEW_PASSWORD })
      expect(done.status).to.equal(200)
      // Who read the mail and chose the password is no stranger any more.
      const end = await signIn(agent, 'owner@example.org', NEW_PASSWORD, '203.0.113.7')
      expect(end.status).to.not.equal(429)
    })

    it('from the same network do not stop a browser that signed in before', async () => {
      await createPerson(running, { email: 'owner@example.org' })
      const office = '203.0.113.50'
      const agent = newAgent()
      await signIn(agent, 'owner@example.org', PASSWORD, office)
      for (let tries = 0; tries < 8; tries += 1)
        await signIn(newAgent(), `colleague-${tries}@example.org`, 'wrong wrong wrong wrong', office)
      agent.dropCookie('ostiary_session')
      const again = await signIn(agent, 'owner@example.org', PASSWORD, office)
      expect(again.status).to.not.equal(429)
    })

    it('are bounded from one known browser over a month too', async () => {
      const buckets = new Throttle(running.app.storage.ephemeral).signIn(
        'name',
        'usr_x:device',
        '203.0.113.9',
      )
      const keys = buckets.filter(({ windowSeconds }) => windowSeconds > 86_400)
      expect(keys, 'a bucket of 30 days').to.have.lengthOf(1)
    })

    it('that are refused at the door leave no record each', async () => {
      const sql = await sqlOf(running)
      try {
        await createPerson(running, { email: 'owner@example.org' })
        await exhaust('owner@example.org')
        const count = async () =>
          Number(
            (
              await sql.query<{ n: number }>(
                `select count(*)::int as n from audit_events where name = 'user.sign_in_throttled'`,
              )
            )[0]?.n,
          )
        const before = await count()
        const agent = newAgent()
        for (let tries = 0; tries < 40; tries += 1)
          expect(
            (await signIn(agent, 'owner@example.org', 'wrong wrong wrong wrong', '203.0.113.99')).status,
          ).to.equal(429)
        expect((await count()) - before).to.be.below(40)
      } finally {
        await sql.close()
      }
    })
  })
}
