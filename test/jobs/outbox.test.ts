/** The outbox on a real database, sending to a real SMTP server that behaves badly. */

import { randomBytes, randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Keyring } from '../../src/crypto/keyring.ts'
import { secureRandom } from '../../src/crypto/random.ts'
import { Approvals } from '../../src/domain/approvals/approvals.ts'
import type { EmailProof, ProofPurpose } from '../../src/domain/email/proof.ts'
import { codeOf, linkToken } from '../../src/domain/email/secrets.ts'
import type { OutboxRepository } from '../../src/domain/ports.ts'
import { mailWork } from '../../src/jobs/mail-work.ts'
import { OutboxWorker, type OutboxWorkerOptions } from '../../src/jobs/outbox-worker.ts'
import { createSendMail } from '../../src/jobs/send-mail.ts'
import { createMailRenderer } from '../../src/mail/render.ts'
import { SmtpTransport } from '../../src/mail/smtp.ts'
import { chooseStorage, type Storage } from '../../src/storage/choose.ts'
import { CollectingLogger } from '../support/collecting-logger.ts'
import { SmtpSink } from '../support/smtp-sink.ts'

const FAST: Partial<OutboxWorkerOptions> = {
  pollMs: 50,
  firstRetrySeconds: 1,
  lastRetrySeconds: 1,
  awayFirstMs: 20,
  awayLastMs: 100,
}

interface Ending {
  how: 'done' | 'retry' | 'bury'
  error: string
}

async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`never happened: ${what}`)
    await sleep(10)
  }
}

describe('outbox', () => {
  const keyring = new Keyring(randomBytes(32))
  const { render } = createMailRenderer({
    viewsDir: fileURLToPath(new URL('../../views', import.meta.url)),
    brandName: 'Ostiary',
    issuer: 'https://id.example',
  })
  let storage: Storage
  let sink: SmtpSink
  let transport: SmtpTransport
  let worker: OutboxWorker<'mail'> | undefined
  let logger: CollectingLogger
  let endings: Ending[]
  let clockAheadMs: number
  /** thrown by the outbox while set: the database is away */
  let away: Error | undefined

  before(async () => {
    storage = await chooseStorage({
      database: { kind: 'pglite' },
      atRest: keyring,
      onError: () => {},
    })
    await storage.migrate()
  })

  after(() => storage.close())

  beforeEach(async () => {
    logger = new CollectingLogger()
    endings = []
    clockAheadMs = 0
    away = undefined
    sink = await new SmtpSink().start()
    transport = new SmtpTransport({
      url: sink.url,
      from: 'Ostiary <no-reply@id.example>',
      timeouts: { connection: 500, greeting: 500, socket: 300 },
    })
  })

  afterEach(async () => {
    await worker?.stop()
    worker = undefined
    await transport.close()
    await sink.stop()
    const { outbox } = storage.database
    await sleep(5)
    for (const { id } of await outbox.claim('mail', 1000, 0)) await outbox.done(id)
    for (const id of touched) await outbox.done(id)
    touched.clear()
  })

  const touched = new Set<string>()

  /** The real outbox, watched. */
  function watched(): OutboxRepository {
    const { outbox } = storage.database
    const guard = (): void => {
      if (away) throw away
    }
    return {
      insert: (job) => outbox.insert(job),
      counts: (kind) => outbox.counts(kind),
      lagSeconds: (kind) => outbox.lagSeconds(kind),
      async claim(kind, limit, leaseSeconds, except) {
        guard()
        const rows = await outbox.claim(kind, limit, leaseSeconds, except)
        for (const { id } of rows) touched.add(id)
        return rows
      },
      async done(id) {
        guard()
        await outbox.done(id)
        endings.push({ how: 'done', error: '' })
      },
      async retry(id, afterSeconds, error) {
        guard()
        await outbox.retry(id, afterSeconds, error)
        endings.push({ how: 'retry', error })
      },
      async bury(id, error) {
        guard()
        await outbox.bury(id, error)
        endings.push({ how: 'bury', error })
      },
    }
  }

  function start(options: Partial<OutboxWorkerOptions> = {}): OutboxWorker<'mail'> {
    const approvals = new Approvals({ ephemeral: storage.ephemeral, keyed: keyring, random: secureRandom })
    const run = createSendMail({
      repositories: storage.database,
      clock: { now: () => new Date(Date.now() + clockAheadMs) },
      approvals,
      links: {
        verifyEmail: (id) => `https://id.example/verify-email/${linkToken(keyring, id)}`,
        resetPassword: (id) => `https://id.example/reset-password/${linkToken(keyring, id)}`,
        approve: (id) => `https://id.example/approve/${approvals.linkToken(id)}`,
        forgot: () => 'https://id.example/forgot-password',
        home: () => 'https://id.example/',
      },
      codeOf: (id) => codeOf(keyring, id),
      render,
      transport,
    })
    worker = new OutboxWorker(
      { outbox: watched(), work: mailWork(run, () => transport.health()), logger },
      { ...FAST, ...options },
    )
    worker.start()
    return worker
  }

  async function person(): Promise<{ id: string; email: string }> {
    const name = randomUUID()
    return await storage.database.users.insert({
      id: `usr_${name}`,
      email: `${name}@mail.example`,
      emailVerified: false,
      username: undefined,
      profile: {},
    })
  }

  async function proofFor(
    user: { id: string; email: string } | undefined,
    purpose: ProofPurpose = 'verify-email',
  ): Promise<EmailProof> {
    return await storage.database.emailProofs.insert({
      id: `prf_${randomUUID()}`,
      purpose,
      userId: user?.id,
      email: user?.email ?? 'nobody@mail.example',
      flow: randomUUID(),
      interactionUid: undefined,
      registration: undefined,
      ttlSeconds: 1800,
    })
  }

  async function enqueue(purpose: ProofPurpose = 'verify-email'): Promise<EmailProof> {
    const proof = await proofFor(await person(), purpose)
    await storage.database.outbox.insert({ template: purpose, proofId: proof.id })
    return proof
  }

  const ended = (how: Ending['how'], count = 1) =>
    until(() => endings.filter((it) => it.how === how).length >= count, `${count} × ${how}`)

  it('sends link and code, made when it is sent', async () => {
    const proof = await enqueue()
    start()
    await ended('done')
    const [mail] = sink.mails
    expect(mail?.to).to.deep.equal([proof.email])
    expect(mail?.from).to.equal('no-reply@id.example')
    expect(mail?.parsed.text).to.include(linkToken(keyring, proof.id))
    expect(mail?.parsed.html).to.include(linkToken(keyring, proof.id))
    expect(mail?.parsed.text?.replace(/\s/g, '')).to.include(codeOf(keyring, proof.id))
    expect(mail?.parsed.messageId).to.match(/^<[\w-]+@id\.example>$/)
    expect(await storage.database.outbox.counts('mail')).to.deep.equal({ waiting: 0, dead: 0 })
  })

  it('sends each kind of mail', async () => {
    const reset = await enqueue('reset-password')
    const exists = await enqueue('register')
    const user = await person()
    await storage.database.outbox.insert({
      template: 'password-changed',
      userId: user.id,
      at: new Date().toISOString(),
    })
    start()
    await ended('done', 3)
    const free = await proofFor(undefined, 'register')
    await storage.database.outbox.insert({ template: 'register', proofId: free.id })
    await ended('done', 4)
    const textTo = (email: string) => sink.mails.find((mail) => mail.to[0] === email)?.parsed.text
    expect(textTo(reset.email)).to.include(linkToken(keyring, reset.id))
    expect(textTo(exists.email)).to.include('https://id.example/forgot-password')
    expect(textTo(exists.email)).not.to.include(exists.id)
    expect(textTo(free.email)).to.include(linkToken(keyring, free.id))
    expect(textTo(user.email)).to.include('https://id.example/forgot-password')
  })

  it('is woken by a poke instead of waiting for its next look', async () => {
    const running = start({ pollMs: 60_000 })
    await sleep(100)
    await enqueue()
    const before = Date.now()
    running.poke()
    await ended('done')
    expect(Date.now() - before).to.be.lessThan(2000)
  })

  it('tries again what is refused for now', async () => {
    sink.mode = 'later'
    const proof = await enqueue()
    start()
    await ended('retry')
    sink.mode = 'ok'
    await ended('done')
    expect(sink.mails.map((mail) => mail.to)).to.deep.equal([[proof.email]])
  })

  it('gives up at once what is refused for good, and keeps no word of the server', async () => {
    sink.mode = 'never'
    const proof = await enqueue()
    start()
    await ended('bury')
    expect(endings).to.have.length(1)
    expect(endings[0]?.error).to.equal('SMTP: EENVELOPE RCPT TO 550 5.1.1')
    expect(await storage.database.outbox.counts('mail')).to.deep.equal({ waiting: 0, dead: 1 })
    const log = JSON.stringify(logger.lines)
    expect(log).not.to.include(proof.email)
    expect(log).not.to.include(linkToken(keyring, proof.id))
    expect(log).not.to.include(codeOf(keyring, proof.id))
    expect(logger.loud()).to.deep.equal(['a mail was given up'])
  })

  it('gives up after its last try', async () => {
    sink.mode = 'later'
    await enqueue()
    start({ maxAttempts: 2 })
    await ended('bury')
    expect(endings.map((it) => it.how)).to.deep.equal(['retry', 'bury'])
    expect(sink.arrived).to.equal(2)
  })

  it('does not wait for a server that stalls', async () => {
    sink.mode = 'stall'
    await enqueue()
    start()
    await ended('retry')
    sink.mode = 'ok'
    await ended('done')
    expect(sink.mails).to.have.length(1)
  })

  it('sends again, under the same name, when the server hangs up after the message', async () => {
    sink.mode = 'drop'
    await enqueue()
    start()
    await ended('retry')
    expect(sink.arrived).to.equal(1)
    sink.mode = 'ok'
    await ended('done')
    expect(sink.mails).to.have.length(1)
    const names = sink.arrivals.map((raw) => /^message-id: (.+)$/im.exec(raw)?.[1])
    expect(names).to.have.length(2)
    expect(names[0]).to.equal(names[1]).and.not.equal(undefined)
  })

  it('lives through an outage: no mail is lost or sent twice, and the log says it once', async () => {
    await sink.stop()
    const proofs: EmailProof[] = []
    for (let i = 0; i < 30; i += 1) proofs.push(await enqueue())
    start()
    await sleep(1500)
    const retriesInOutage = endings.length
    expect(retriesInOutage).to.be.within(1, 2)
    await sink.start()
    await ended('done', proofs.length)
    const recipients = sink.mails.map((mail) => mail.to[0]).sort()
    expect(recipients).to.deep.equal(proofs.map((proof) => proof.email).sort())
    expect(logger.loud()).to.deep.equal(['sending mail failed', 'sending mail works again'])
  })

  it('buries nothing because the server refuses us', async () => {
    sink.mode = 'refuse-us'
    const proofs = [await enqueue(), await enqueue(), await enqueue()]
    start({ maxAttempts: 1 })
    await ended('retry', 3)
    expect(endings.some((it) => it.how === 'bury')).to.equal(false)
    sink.mode = 'ok'
    await ended('done', proofs.length)
  })

  it('has only so many in hand', async () => {
    sink.delay = 40
    for (let i = 0; i < 8; i += 1) await enqueue()
    start({ concurrency: 2 })
    await ended('done', 8)
    expect(sink.busiest).to.equal(2)
  })

  it('sends nothing that no longer matters', async () => {
    const { users, emailProofs, outbox } = storage.database
    const used = await enqueue()
    await emailProofs.consume(used.id)
    const nobody = await proofFor(undefined, 'reset-password')
    await outbox.insert({ template: 'reset-password', proofId: nobody.id })
    await outbox.insert({ template: 'verify-email', proofId: 'prf_absent' })
    await outbox.insert({ template: 'password-changed', userId: 'usr_absent', at: new Date().toISOString() })
    const other = await proofFor({ ...(await person()), email: 'given-up@mail.example' })
    await outbox.insert({ template: 'verify-email', proofId: other.id })
    expect(await users.find('usr_absent')).to.equal(undefined)
    start()
    await ended('done', 5)
    expect(sink.arrived).to.equal(0)
    expect(await outbox.counts('mail')).to.deep.equal({ waiting: 0, dead: 0 })
  })

  it('sends nothing that has expired', async () => {
    await enqueue()
    clockAheadMs = 1800_000
    start()
    await ended('done')
    expect(sink.arrived).to.equal(0)
  })

  it('reads an address as one address, whatever is in it', async () => {
    const hostile = [
      'a@mail.example, b@mail.example',
      'c@mail.example>, <d@mail.example',
      'e@mail.example\r\nRCPT TO:<f@mail.example>',
    ]
    for (const to of hostile) {
      await transport.send({ to, subject: 's', text: 't', html: 'h' }).catch(() => {})
    }
    const reached = sink.mails.flatMap((mail) => mail.to)
    expect(reached.filter((address) => /^[abcdef]@mail\.example$/.test(address))).to.deep.equal([])
  })

  it('survives a database that is away, and says so once', async () => {
    away = Object.assign(new Error('connection to 10.0.0.1 with password hunter2 refused'), {
      code: 'ECONNREFUSED',
    })
    await enqueue()
    start()
    await sleep(400)
    expect(logger.lines.length).to.be.greaterThan(2)
    away = undefined
    await ended('done')
    expect(logger.loud()).to.deep.equal(['reading the outbox failed', 'reading the outbox works again'])
    expect(JSON.stringify(logger.lines)).not.to.include('hunter2')
  })

  it('does not send twice because the database was away for a moment when it was done', async () => {
    sink.delay = 100
    await enqueue()
    start()
    await until(() => sink.arrived === 1, 'the mail arrives')
    away = new Error('away')
    await sleep(300)
    away = undefined
    await ended('done')
    expect(sink.mails).to.have.length(1)
  })

  it('finishes what is in hand before it stops, and takes nothing more', async () => {
    sink.delay = 200
    for (let i = 0; i < 3; i += 1) await enqueue()
    const running = start({ concurrency: 1 })
    await until(() => sink.busiest === 1, 'the first mail is under way')
    await running.stop()
    expect(endings.map((it) => it.how)).to.deep.equal(['done'])
    await sleep(100)
    expect(sink.mails).to.have.length(1)
    expect((await storage.database.outbox.counts('mail')).waiting).to.equal(2)
  })

  it('shares the work with another worker without doing it twice', async () => {
    const proofs: EmailProof[] = []
    for (let i = 0; i < 20; i += 1) proofs.push(await enqueue())
    const first = start()
    start()
    await ended('done', proofs.length)
    await first.stop()
    expect(new Set(sink.mails.map((mail) => mail.to[0])).size).to.equal(proofs.length)
    expect(sink.mails).to.have.length(proofs.length)
  })
})
