/** The same form sent many times at once has the effect of one: an account, an owner, a password, a consent. */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { begin, CALLBACK, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const TIMES = 8

for (const stack of STACKS) {
  describe(`a form sent ${TIMES} times at once (${stack})`, () => {
    let running: RunningApp
    let sql: Awaited<ReturnType<typeof sqlOf>>
    before(async () => {
      running = await startApp({
        stack,
        overrides: { clients: [webClient()], limits: { mailAddress: 100, signInStranger: 100 } },
      })
      sql = await sqlOf(running)
    })
    after(async () => {
      await sql.close()
      await running.close()
    })

    const newAgent = () => {
      const agent = new UserAgent()
      agent.stopAt = (url) => url.startsWith('http://localhost:9/')
      return agent
    }
    const count = async (text: string, values: unknown[]) =>
      Number((await sql.query<{ n: number }>(`select count(*)::int as n from ${text}`, values))[0]?.n)
    const atOnce = <T>(work: () => Promise<T>) => Promise.all(Array.from({ length: TIMES }, work))
    const statuses = (pages: Page[]) => pages.map(({ status }) => status)

    it('registers one account, which the code of the newest mail proves', async () => {
      const agent = newAgent()
      const page = await agent.get((await begin(await discover(running.issuer))).url.href)
      const form = await agent.get(`${page.url}/register`)
      const sent = await atOnce(() =>
        agent.submit(form, { email: 'many@example.org', password: PASSWORD, username: 'many' }, '/register'),
      )
      expect(Math.max(...statuses(sent))).to.be.below(500)
      expect(
        await count('email_proofs where consumed_at is null and email = $1', ['many@example.org']),
      ).to.equal(1)
      // Which of them the browser's progress names is not sure; asking again makes it sure.
      await sql.query(`update email_proofs set created_at = created_at - interval '2 minutes'`)
      const again = await agent.submit(
        form,
        { email: 'many@example.org', password: PASSWORD, username: 'many' },
        '/register',
      )
      const mails = async () => (await running.mails()).filter(({ to }) => to === 'many@example.org')
      let shown = again
      for (
        let tries = 0;
        tries < 60 && !shown.forms.some(({ action }) => action.endsWith('/consent'));
        tries += 1
      ) {
        for (const mail of (await mails()).reverse().slice(0, 1)) {
          const code = /(\d{3}) ?(\d{3})/.exec(mail.text)?.slice(1).join('') ?? ''
          if (tries % 10 === 9) shown = await agent.submit(again, { code }, '/verify-email')
        }
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      expect(await count('users where email = $1', ['many@example.org'])).to.equal(1)
    })

    it('asks for consent once', async () => {
      await createPerson(running, { email: 'consent@example.org' })
      const agent = newAgent()
      const page = await agent.get((await begin(await discover(running.issuer))).url.href)
      const consent = await agent.submit(
        page,
        { identifier: 'consent@example.org', password: PASSWORD },
        '/sign-in',
      )
      const ends = await atOnce(() => agent.submit(consent, {}, '/consent').catch((error: Error) => error))
      const codes = new Set(
        ends.flatMap((end) =>
          end instanceof Error || !end.url.startsWith(CALLBACK)
            ? []
            : [new URL(end.url).searchParams.get('code')],
        ),
      )
      expect(codes.size).to.be.above(0)
      for (const end of ends) if (!(end instanceof Error)) expect(end.status).to.be.below(500)
      const user = await running.app.storage.database.users.findByEmail('consent@example.org')
      expect(await count('consents where user_id = $1', [user?.id])).to.equal(1)
    })

    it('resets a password once', async () => {
      await createPerson(running, { email: 'reset@example.org' })
      const agent = newAgent()
      await agent.submit(await agent.get(`${running.issuer}/forgot-password`), { email: 'reset@example.org' })
      const mail = await running.nextMail('reset@example.org')
      const form = await agent.get(/https?:\/\/\S+\/reset-password\/\S+/.exec(mail.text)?.[0] ?? '')
      let nth = 0
      const done = await atOnce(() => {
        nth += 1
        return agent.submit(form, { password: `calm keeper of door number ${nth}` })
      })
      expect(statuses(done).filter((status) => status === 200)).to.have.lengthOf(1)
      expect(Math.max(...statuses(done))).to.be.below(500)
    })

    it('makes one owner', async () => {
      const url = String(await running.app.setupUrl())
      const agents = Array.from({ length: TIMES }, newAgent)
      const forms = await Promise.all(agents.map((agent) => agent.get(url)))
      const done = await Promise.all(
        agents.map((agent, index) =>
          agent.submit(forms[index] as Page, {
            email: `owner-${index}@example.org`,
            name: 'O',
            password: PASSWORD,
          }),
        ),
      )
      expect(statuses(done).filter((status) => status === 200)).to.have.lengthOf(1)
      expect(await count('user_roles where role = $1', ['owner'])).to.equal(1)
    })
  })
}
