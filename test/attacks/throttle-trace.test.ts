/** A refused sign-in does the same work whether the name has an account or not: here, what it writes down. */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { begin, discover, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'
import { sqlOf } from '../support/stored-rows.ts'
import { UserAgent } from '../support/user-agent.ts'

describe('a refused sign-in', () => {
  it('writes as much for a known name as for an unknown one', async () => {
    const running = await startApp({ overrides: { clients: [webClient()], limits: { signInStranger: 2 } } })
    const sql = await sqlOf(running)
    try {
      await createPerson(running, { email: 'known@example.org' })
      const agent = new UserAgent()
      const page = await agent.get((await begin(await discover(running.issuer))).url.href)
      const records = async () =>
        Number(
          (
            await sql.query<{ n: number }>(
              `select count(*)::int as n from audit_events where name = 'user.sign_in_throttled'`,
            )
          )[0]?.n,
        )
      const written = async (identifier: string) => {
        const before = await records()
        const statuses: number[] = []
        for (let tries = 0; tries < 3; tries += 1)
          statuses.push(
            (await agent.submit(page, { identifier, password: 'wrong wrong wrong' }, '/sign-in')).status,
          )
        expect(statuses).to.deep.equal([401, 401, 429])
        return (await records()) - before
      }
      await written('first-of-this-network@example.org')
      const unknown = await written('unknown@example.org')
      const known = await written('known@example.org')
      expect(known).to.equal(unknown)
    } finally {
      await sql.close()
      await running.close()
    }
  })
})
