/** A new password ends what the old one gave, the trust in browsers that used it included. */
import { expect } from 'chai'
import { createPerson } from '../support/people.ts'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { startApp } from '../support/start-app.ts'
import { UserAgent } from '../support/user-agent.ts'

describe('a browser that signed in with a password since reset', () => {
  it('guesses as a stranger does', async () => {
    const running = await startApp({ overrides: { clients: [webClient()], limits: { signInStranger: 2 } } })
    try {
      await createPerson(running, { email: 'owner@example.org' })
      const former = new UserAgent()
      former.stopAt = (url) => url.startsWith('http://localhost:9/')
      const signIn = async (agent: UserAgent, password: string) => {
        const page = await agent.get((await begin(await discover(running.issuer))).url.href)
        return agent.submit(page, { identifier: 'owner@example.org', password }, '/sign-in')
      }
      await signIn(former, PASSWORD)
      const owner = new UserAgent()
      await owner.submit(await owner.get(`${running.issuer}/forgot-password`), { email: 'owner@example.org' })
      const mail = await running.nextMail('owner@example.org')
      const form = await owner.get(/https?:\/\/\S+\/reset-password\/\S+/.exec(mail.text)?.[0] ?? '')
      expect((await owner.submit(form, { password: 'a newer calm keeper of the door' })).status).to.equal(200)
      const statuses: number[] = []
      for (let tries = 0; tries < 4; tries += 1)
        statuses.push((await signIn(former, `guess number ${tries} of many`)).status)
      expect(statuses).to.deep.equal([401, 401, 429, 429])
    } finally {
      await running.close()
    }
  })
})
