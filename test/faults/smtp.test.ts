/** The mail server goes away: nobody waits for it, and what was accepted is delivered when it is back (invariant I3). */
import { expect } from 'chai'
import { sendRaw } from '../support/raw-http.ts'
import { begin, discover, PASSWORD, webClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'
import { eventually } from './steps.ts'

describe('the mail server goes away', function () {
  this.timeout(120_000)
  const sink = new SmtpSink()
  let running: RunningApp

  before(async () => {
    await sink.start()
    running = await startApp({ settings: { SMTP_URL: sink.url }, overrides: { clients: [webClient()] } })
  })
  after(async () => {
    await running?.close()
    await sink.stop()
  })

  async function register(email: string): Promise<{ agent: UserAgent; verify: Page; took: number }> {
    const agent = new UserAgent()
    agent.stopAt = (url) => url.startsWith('http://localhost:9/')
    const started = await begin(await discover(running.issuer))
    const signIn = await agent.get(started.url.href)
    const form = await agent.get(`${signIn.url}/register`)
    const before = performance.now()
    const verify = await agent.submit(form, { email, password: PASSWORD }, '/register')
    return { agent, verify, took: performance.now() - before }
  }

  const mailsTo = (email: string) => sink.mails.filter(({ to }) => to.includes(email))

  for (const fault of ['down', 'stall', 'later'] as const) {
    it(`${fault}: registration answers at once; the mail comes when it is back, once, and its code is good`, async () => {
      const email = `${fault}@example.org`
      if (fault === 'down') await sink.stop()
      else sink.mode = fault
      const { agent, verify, took } = await register(email)
      expect(verify.status).to.equal(200)
      expect(verify.text).to.include(email)
      expect(took, 'milliseconds').to.be.below(5000)
      const others = await Promise.all(['x', 'y', 'z'].map((who) => register(`${fault}-${who}@example.org`)))
      for (const other of others) expect(other.took).to.be.below(10_000)
      if (fault === 'down') {
        await eventually('health says so', async () => {
          const { text } = await sendRaw(running.issuer, { target: '/health' })
          return JSON.parse(text).checks.mail.state === 'down'
        })
        expect((await sendRaw(running.issuer, { target: '/health/ready' })).status, 'still ready').to.equal(
          200,
        )
      }
      expect(mailsTo(email)).to.deep.equal([])

      if (fault === 'down') await sink.start()
      else sink.mode = 'ok'
      await eventually('delivered', async () => mailsTo(email).length > 0, 60)
      await eventually(
        'and the others',
        async () => ['x', 'y', 'z'].every((who) => mailsTo(`${fault}-${who}@example.org`).length > 0),
        60,
      )
      expect(mailsTo(email)).to.have.length(1)
      const code = /\b(\d{3}) (\d{3})\b/.exec(mailsTo(email)[0]?.parsed.text ?? '')
      const consent = await agent.submit(verify, { code: `${code?.[1]}${code?.[2]}` }, '/verify-email')
      expect(consent.forms.some(({ action }) => action.endsWith('/consent'))).to.equal(true)
    })
  }
})
