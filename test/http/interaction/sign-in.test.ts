import { expect } from 'chai'
import { begin, CALLBACK, discover, exchange, PASSWORD, webClient } from '../../support/relying-party.ts'
import { type RunningApp, STACKS, startApp } from '../../support/start-app.ts'
import { type Page, UserAgent } from '../../support/user-agent.ts'

for (const stack of STACKS) {
  describe(`register, verify, consent, sign in, without JavaScript (${stack})`, () => {
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

    async function register(agent: UserAgent, start: URL, email: string, password = PASSWORD): Promise<Page> {
      const signIn = await agent.get(start.href)
      expect(signIn.status).to.equal(200)
      const form = await agent.get(`${signIn.url.split('?')[0]}/register`)
      return agent.submit(form, { email, password }, '/register')
    }

    it('leads from the app through registration, code and consent back to the app', async () => {
      const agent = newAgent()
      const rp = await discover(running.issuer)
      const started = await begin(rp)
      const email = 'jane@example.org'
      const verify = await register(agent, started.url, email)
      expect(verify.text).to.include(email)
      const mail = await running.nextMail(email)
      const code = /(\d{3}) ?(\d{3})/.exec(mail.text)
      const consent = await agent.submit(verify, { code: `${code?.[1]} ${code?.[2]}` }, '/verify-email')
      expect(consent.status).to.equal(200)
      const done = await agent.submit(consent, {}, '/consent')
      expect(done.url).to.match(new RegExp(`^${CALLBACK}\\?`))
      const tokens = await exchange(rp, done.url, started)
      const claims = tokens.claims()
      expect(claims?.sub).to.match(/^usr_/)
      expect(claims?.amr).to.deep.equal(['pwd'])
      expect(claims?.acr).to.equal('urn:ostiary:acr:password')
      expect(claims?.auth_time).to.be.a('number')

      const again = await begin(rp, { prompt: 'none' })
      const silent = await agent.get(again.url.href)
      expect(silent.url).to.include('code=')
    })

    it('verifies by the link of the mail, and goes on in the browser that began', async () => {
      const agent = newAgent()
      const rp = await discover(running.issuer)
      const started = await begin(rp)
      const email = 'link@example.org'
      const verify = await register(agent, started.url, email)
      const mail = await running.nextMail(email)
      const link = /https?:\/\/\S+\/verify-email\/\S+/.exec(mail.text)?.[0] ?? ''

      // A scanner opens the link three times and proves nothing.
      for (let visits = 0; visits < 3; visits += 1) await new UserAgent().get(link)

      const page = await agent.get(link)
      const done = await agent.submit(page, {}, '/verify-email/')
      expect(done.status).to.equal(200)
      const back = /href="(\/interaction\/[^"]+)"/.exec(done.text)?.[1]
      expect(back, 'a way back to the sign-in').to.be.a('string')
      const consent = await agent.get(new URL(String(back), verify.url).href)
      const callback = await agent.submit(consent, {}, '/consent')
      expect(callback.url).to.include('code=')
    })

    it('shows a stranger the same page for an address that has an account', async () => {
      const rp = await discover(running.issuer)
      const fresh = await register(newAgent(), (await begin(rp)).url, 'nobody-yet@example.org')
      const taken = await register(newAgent(), (await begin(rp)).url, 'jane@example.org')
      const comparable = (page: Page, email: string) =>
        page.text
          .replaceAll(email, 'EMAIL')
          .replace(/interaction\/[\w-]+/g, 'UID')
          .replace(/value="[\w-]{43}"/g, 'CSRF')
          .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
          .replace(/[\w-]{12}<\/code>/g, 'ID')
      expect(taken.status).to.equal(fresh.status)
      expect(comparable(taken, 'jane@example.org')).to.equal(comparable(fresh, 'nobody-yet@example.org'))
      const mail = await running.nextMail('jane@example.org', 1)
      expect(mail.subject).to.not.match(/\d{6}/)
      expect(mail.text).to.not.match(/\/verify-email\//)
    })

    it('answers a wrong password, an unknown name and a disabled account with one page', async () => {
      const rp = await discover(running.issuer)
      const attempt = async (identifier: string) => {
        const agent = newAgent()
        const page = await agent.get((await begin(rp)).url.href)
        return agent.submit(page, { identifier, password: 'not the right one at all' }, '/sign-in')
      }
      const wrong = await attempt('jane@example.org')
      const unknown = await attempt('who@example.org')
      expect(wrong.status).to.equal(401)
      expect(unknown.status).to.equal(401)
    })

    it('resets a forgotten password, ends what was open and leads back to the app', async () => {
      const agent = newAgent()
      const rp = await discover(running.issuer)
      const started = await begin(rp)
      const signIn = await agent.get(started.url.href)
      const forgotUrl = /href="(\/forgot-password[^"]*)"/.exec(signIn.text)?.[1] ?? ''
      const forgot = await agent.get(new URL(forgotUrl, running.issuer).href)
      const seen = (await running.mails()).filter((mail) => mail.to === 'jane@example.org').length
      const sent = await agent.submit(forgot, { email: 'Jane@Example.org' })
      expect(sent.status).to.equal(200)
      const mail = await running.nextMail('jane@example.org', seen)
      const link = /https?:\/\/\S+\/reset-password\/\S+/.exec(mail.text)?.[0] ?? ''
      const form = await agent.get(link)
      const short = await agent.submit(form, { password: 'short' })
      expect(short.status).to.equal(422)
      const done = await agent.submit(short, { password: 'another calm keeper entirely' })
      expect(done.status).to.equal(200)
      const replay = await agent.submit(form, { password: 'a third calm keeper, surely' })
      expect(replay.status).to.equal(410)

      const back = await agent.get(signIn.url)
      const end = await agent.submit(
        back,
        { identifier: 'jane@example.org', password: 'another calm keeper entirely' },
        '/sign-in',
      )
      // Consent was remembered: straight back to the app.
      expect(end.url).to.include('code=')
    })
  })
}
