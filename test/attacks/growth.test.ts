/** What a refused stranger leaves behind is bounded: no row, no counter for each request that costs nothing. */
import { expect } from 'chai'
import { begin, discover, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { UserAgent } from '../support/user-agent.ts'

const REFUSED = 40

describe('a network that used up its sign-ins', () => {
  it('leaves no counters and no records for each name it makes up', async () => {
    const running = await startApp({ overrides: { clients: [webClient()], limits: { signInNetwork: 3 } } })
    const sql = await sqlOf(running)
    try {
      const agent = new UserAgent()
      const page = await agent.get((await begin(await discover(running.issuer))).url.href)
      const attempt = (identifier: string) =>
        agent.submit(page, { identifier, password: 'wrong wrong wrong' }, '/sign-in')
      for (let tries = 0; tries < 3; tries += 1) await attempt(`known-${tries}@example.org`)
      const count = async (table: string) =>
        Number((await sql.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n)
      const before = { ephemeral: await count('ephemeral'), audit_events: await count('audit_events') }
      for (let tries = 0; tries < REFUSED; tries += 1)
        expect((await attempt(`made-up-${tries}@example.org`)).status).to.equal(429)
      expect((await count('ephemeral')) - before.ephemeral, 'counters').to.be.below(5)
      expect((await count('audit_events')) - before.audit_events, 'records').to.be.below(5)
    } finally {
      await sql.close()
      await running.close()
    }
  })
})
