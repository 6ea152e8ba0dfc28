/** An account nobody ever proved ends by itself, and its names with it: or a stranger takes every name for good. */
import { expect } from 'chai'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { UserAgent } from '../support/user-agent.ts'

for (const stack of STACKS) {
  describe(`accounts that were never proven (${stack})`, () => {
    let running: RunningApp
    before(async () => {
      running = await startApp({ stack, overrides: { clients: [webClient()] } })
    })
    after(() => running.close())

    it('are gone after a while, names included', async () => {
      const agent = new UserAgent()
      const first = await agent.get((await begin(await discover(running.issuer))).url.href)
      const form = await agent.get(`${first.url}/register`)
      await agent.submit(
        form,
        { email: 'ghost@example.org', password: PASSWORD, username: 'wanted-name' },
        '/register',
      )
      const sql = await sqlOf(running)
      try {
        expect(await sql.query('select username_key from usernames')).to.have.lengthOf(1)
        for (const table of ['email_proofs', 'usernames'])
          await sql.query(`update ${table} set expires_at = expires_at - interval '400 days'`)
        await running.app.storage.purge(1000)
        expect(await sql.query('select email from email_proofs')).to.deep.equal([])
        expect(await sql.query('select username_key from usernames')).to.deep.equal([])
      } finally {
        await sql.close()
      }
    })
  })
}
