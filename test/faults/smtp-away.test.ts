/**
 * The mail server is away for long, in every way it can be: each mail that was accepted meanwhile is delivered once
 * it is back, none twice but one in a thousand, and nobody's request ever waits for it (figure 16 of the security
 * targets). In the long form 1,000 mails and ten minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { times } from '../support/faults.ts'
import { Ledger } from '../support/ledger.ts'
import { MailReader, VERIFY } from '../support/ledger-mail.ts'
import { ISSUER, Nodes } from '../support/ledger-nodes.ts'
import { Line, Traffic } from '../support/ledger-traffic.ts'
import { CALLBACK, PASSWORD } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { UserAgent } from '../support/user-agent.ts'
import { quantile } from './watch.ts'

/** of it, this long in each way */
const AWAY_MS = times(12_000, 600_000)
const MAILS = times(50, 1_000)
/** after it is back */
const DELIVERED_MS = 120_000
/** less than any wait for a mail server */
const PAGE_MS = 3_000

describe('the mail server is away for long', function () {
  this.timeout(times(120_000, 1_800_000))

  it(`${MAILS} mails accepted in ${AWAY_MS / 1000} s of down, 4xx, stall and drop: all delivered, once`, async () => {
    const { url, drop } = await newPostgresDatabase()
    const sink = await new SmtpSink().start()
    const nodes = await Nodes.start(2, { DATABASE_URL: url, SMTP_URL: sink.url })
    try {
      const ledger = new Ledger()
      const mail = new MailReader(sink)
      const traffic = new Traffic({ issuer: ISSUER, ports: () => nodes.ports, perSecond: 100 })
      let number = 0
      /** Milliseconds until somebody who registers is told that a mail is on its way. */
      const register = async (): Promise<number> => {
        number += 1
        const email = `away-${number}@example.org`
        const line = new Line(traffic, `10.9.${number >> 8}.${number & 255}`)
        const browser = new UserAgent(line.fetch)
        const signIn = await browser.get(`${ISSUER}/auth?${request()}`)
        const form = await browser.get(`${signIn.url}/register`)
        const sent = performance.now()
        const page = await browser.submit(form, { email, password: PASSWORD }, '/register')
        expect(page.text, 'the page after a registration').to.include(email)
        ledger.acknowledge('mail accepted', `person ${email}`)
        mail.expect(email, VERIFY)
        return performance.now() - sent
      }

      const before: number[] = []
      for (let index = 0; index < times(10, 50); index += 1) before.push(await register())
      await until('the first mails come', () => mail.missing().length === 0, 20_000)

      const during: number[] = []
      const ways = [
        ['later', 0.1],
        ['drop', 0.1],
        ['stall', 0.1],
        ['down', 0.7],
      ] as const
      for (const [way, share] of ways) {
        if (way === 'down') await sink.stop()
        else sink.mode = way
        const pause = AWAY_MS / MAILS
        for (let index = 0; index < MAILS * share; index += 1) {
          during.push(await register())
          await sleep(Math.max(0, pause - (during.at(-1) ?? 0)))
        }
        if (way === 'down') await sink.start()
      }
      sink.mode = 'ok'
      const back = performance.now()
      await until('all mails come', () => mail.missing().length === 0, DELIVERED_MS)
      const took = performance.now() - back
      // What comes twice comes a moment later.
      await sleep(times(2_000, 30_000))
      mail.check(ledger)
      ledger.assertClean()
      expect(sink.arrived, 'mails that arrived whole and were not taken').to.be.above(sink.mails.length)
      expect(traffic.faults).to.deep.equal([])

      const [was, is] = [before, during].map((all) => all.sort((a, b) => a - b))
      const [p95Before, p95] = [quantile(was ?? [], 0.95), quantile(is ?? [], 0.95)]
      process.stdout.write(
        `      ${mail.promised} accepted, ${mail.duplicates().mails} delivered, ` +
          `${mail.duplicates().duplicates.length} twice, the last ${(took / 1000).toFixed(1)} s after recovery; ` +
          `page p95 ${p95Before.toFixed(0)} ms before, ${p95.toFixed(0)} ms while away\n`,
      )
      expect(p95, 'p95 of the page, ms').to.be.below(PAGE_MS)
    } finally {
      await nodes.dispose()
      await sink.stop()
      await drop()
    }
  })
})

function request(): URLSearchParams {
  return new URLSearchParams({
    client_id: 'spa',
    response_type: 'code',
    redirect_uri: CALLBACK,
    scope: 'openid email',
    code_challenge: 'x'.repeat(43),
    code_challenge_method: 'S256',
  })
}

async function until(what: string, holds: () => boolean, patience: number): Promise<void> {
  const deadline = performance.now() + patience
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${patience} ms: ${what}`)
    await sleep(100)
  }
}
