/** The real process, started, stopped, killed and started again on the same data (invariant I2). */
import { expect } from 'chai'
import * as client from 'openid-client'
import { newPostgresDatabase } from '../support/backends.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import { begin, PASSWORD, webClient } from '../support/relying-party.ts'
import { confirm, keyIds, newAgent, register, relyingParty } from './steps.ts'

const BACKENDS: Record<string, () => Promise<{ settings: Record<string, string>; drop(): Promise<void> }>> = {
  'embedded database on disk': async () => ({ settings: {}, drop: async () => {} }),
  Postgres: async () => {
    const { url, drop } = await newPostgresDatabase()
    return { settings: { DATABASE_URL: url }, drop }
  },
}

for (const [name, prepare] of Object.entries(BACKENDS)) {
  describe(`the process and its data (${name})`, function () {
    this.timeout(120_000)
    let ostiary: OstiaryProcess
    let drop: () => Promise<void>
    let started: number

    before(async () => {
      const backend = await prepare()
      drop = backend.drop
      const before = performance.now()
      ostiary = await OstiaryProcess.start({
        settings: { ARGON2_MEMORY_KIB: '19456', ...backend.settings },
        clients: [webClient()],
      })
      started = performance.now() - before
    })
    after(async () => {
      await ostiary?.dispose()
      await drop?.()
    })

    it('is ready soon after the very first start', () => {
      // 2 to 4 seconds on an idle machine; the tests' machine is not
      expect(started).to.be.below(30_000)
    })

    it('an orderly restart keeps users, keys and sessions', async () => {
      const email = 'stays@example.org'
      const flow = await register(ostiary.issuer, email)
      const tokens = await confirm(ostiary.issuer, email, flow)
      const kids = await keyIds(ostiary.issuer)
      await ostiary.stop()
      await ostiary.start()
      expect(await keyIds(ostiary.issuer)).to.deep.equal(kids)
      const silent = await flow.agent.get((await begin(flow.rp, { prompt: 'none' })).url.href)
      expect(silent.url, 'the session’s cookie is still good').to.include('code=')
      const userinfo = await client.fetchUserInfo(flow.rp, tokens.access_token, String(tokens.claims()?.sub))
      expect(userinfo.email).to.equal(email)
      const page = await newAgent().get((await begin(await relyingParty(ostiary.issuer))).url.href)
      expect(page.status).to.equal(200)
    })

    it('a kill right after the registration was answered loses neither account nor mail', async function () {
      this.timeout(400_000)
      for (let round = 0; round < 2; round += 1) {
        const email = `killed-${round}@example.org`
        const flow = await register(ostiary.issuer, email)
        await ostiary.kill()
        await ostiary.start()
        // The killed process may have had the mail in hand: then it goes out when its lease of two minutes is over.
        const tokens = await confirm(ostiary.issuer, email, flow, 160)
        expect(tokens.claims()?.email_verified ?? true).to.equal(true)
        const agent = newAgent()
        const page = await agent.get((await begin(flow.rp)).url.href)
        const again = await agent.submit(page, { identifier: email, password: PASSWORD }, '/sign-in')
        expect(again.url, 'signs in with the password').to.include('code=')
      }
    })

    it('a kill right after tokens were issued leaves them good, and used ones used', async () => {
      const email = 'tokens@example.org'
      const flow = await register(ostiary.issuer, email)
      const first = await confirm(ostiary.issuer, email, flow)
      await ostiary.kill()
      await ostiary.start()
      const sub = String(first.claims()?.sub)
      expect((await client.fetchUserInfo(flow.rp, first.access_token, sub)).email).to.equal(email)
      const second = await client.refreshTokenGrant(flow.rp, String(first.refresh_token))
      await client.tokenRevocation(flow.rp, second.access_token)
      await ostiary.kill()
      await ostiary.start()
      expect((await client.tokenIntrospection(flow.rp, second.access_token)).active).to.equal(false)
      expect((await client.tokenIntrospection(flow.rp, first.access_token)).active).to.equal(true)
    })

    it('a session that was ended before a kill stays ended', async () => {
      const email = 'ended@example.org'
      const flow = await register(ostiary.issuer, email)
      const tokens = await confirm(ostiary.issuer, email, flow)
      const page = await flow.agent.get(
        client.buildEndSessionUrl(flow.rp, { id_token_hint: String(tokens.id_token) }).href,
      )
      const cookie = flow.agent.cookieHeader(`${ostiary.issuer}/auth`)
      await flow.agent.submit(page, { logout: 'yes' })
      await ostiary.kill()
      await ostiary.start()
      const { url } = await begin(flow.rp, { prompt: 'none' })
      const answer = await fetch(url, { redirect: 'manual', headers: { cookie } })
      expect(answer.headers.get('location')).to.include('error=login_required')
    })
  })
}
