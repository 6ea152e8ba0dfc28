/** The sign-in without a browser while the database is away: a wait, and then the same values work. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { freePort } from '../support/child-service.ts'
import { FirstPartyApp } from '../support/first-party-app.ts'
import { createPerson } from '../support/people.ts'
import type { Answer } from '../support/protocol.ts'
import { CALLBACK, PASSWORD, publicClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import { TcpProxy } from '../support/tcp-proxy.ts'

const phone = publicClient({
  client_id: 'phone',
  application_type: 'native',
  redirect_uris: [CALLBACK],
  first_party: true,
  first_party_challenge: true,
})

describe('a sign-in without a browser, the database away', function () {
  this.timeout(120_000)
  let running: RunningApp
  let network: TcpProxy
  let drop: () => Promise<void>
  let port: number
  before(async () => {
    const database = await newPostgresDatabase()
    drop = database.drop
    const url = new URL(database.url)
    port = Number(url.port)
    network = await TcpProxy.start(port)
    url.hostname = '127.0.0.1'
    url.port = String(network.port)
    const settings = { DATABASE_URL: url.href }
    running = await startApp({ stack: 'postgres+redis', settings, overrides: { clients: [phone] } })
  })
  after(async () => {
    await running?.close()
    await network?.close()
    await drop?.()
  })

  /** until it is no answer of a dependency that is away */
  async function patiently(ask: () => Promise<Answer>): Promise<Answer> {
    for (let tries = 0; tries < 60; tries += 1) {
      const answer = await ask()
      if (answer.status !== 503) return answer
      await sleep(500)
    }
    throw new Error('still away')
  }

  it('is told to wait, and goes on with the same request and the same session', async () => {
    const email = 'patient@example.org'
    await createPerson(running, { email, verified: false })
    await createPerson(running, { email: 'proven@example.org' })
    const half = new FirstPartyApp(running.issuer, 'phone')
    const first = await half.signIn(email, PASSWORD)
    const { text } = await running.nextMail(email)
    const verification_code = /^\s*(\d{3}) (\d{3})\s*$/m.exec(text)?.slice(1).join('') ?? ''
    const step = { auth_session: String(first.json.auth_session), verification_code }
    const fresh = new FirstPartyApp(running.issuer, 'phone')
    const fields = { request_uri: await fresh.push(), username: 'proven@example.org', password: PASSWORD }

    network.target = await freePort()
    network.reset()
    for (const answer of [await half.challenge(step), await fresh.challenge(fields)]) {
      expect([answer.status, answer.json.error]).to.deep.equal([503, 'temporarily_unavailable'])
      expect(Number(answer.headers.get('retry-after'))).to.be.greaterThan(0)
    }
    network.target = port
    const done = [await patiently(() => fresh.challenge(fields)), await patiently(() => half.challenge(step))]
    for (const answer of done) {
      expect(answer.status, answer.text).to.equal(200)
      expect(answer.json.authorization_code).to.be.a('string')
    }
  })
})
