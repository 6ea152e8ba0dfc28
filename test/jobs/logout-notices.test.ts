/** Notices to applications: one that is slow or down keeps only its own waiting, and mail not at all. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Keyring } from '../../src/crypto/keyring.ts'
import { NoticeError } from '../../src/domain/access/notice-error.ts'
import { logoutNotices, NOTICE_OPTIONS } from '../../src/jobs/logout-notices.ts'
import { mailWork } from '../../src/jobs/mail-work.ts'
import { OutboxWorker } from '../../src/jobs/outbox-worker.ts'
import { MailError } from '../../src/mail/transport.ts'
import { chooseStorage, type Storage } from '../../src/storage/choose.ts'
import { CollectingLogger } from '../support/collecting-logger.ts'

describe('logout notices', function () {
  this.timeout(60_000)
  let storage: Storage
  let told: string[]
  let busy: Map<string, number>
  let logger: CollectingLogger
  let stop: (() => Promise<void>)[]
  /** how an application answers */
  let answers: Record<string, () => Promise<void>>

  before(async () => {
    const atRest = new Keyring(randomBytes(32))
    storage = await chooseStorage({ database: { kind: 'pglite' }, atRest, onError: () => {} })
    await storage.migrate()
  })
  after(() => storage.close())
  beforeEach(() => {
    told = []
    busy = new Map()
    logger = new CollectingLogger()
    answers = {}
    stop = []
  })
  afterEach(async () => {
    for (const end of stop) await end()
    for (const kind of ['mail', 'backchannel-logout'] as const)
      for (let more = true; more; ) {
        const rows = await storage.database.outbox.claim(kind, 1000, 0)
        for (const { id } of rows) await storage.database.outbox.done(id)
        more = rows.length > 0
      }
  })

  const add = async (clientId: string, count: number) => {
    for (let index = 0; index < count; index += 1)
      await storage.database.outbox.insert({ kind: 'backchannel-logout', clientId, accountId: `${index}` })
  }

  function start(): void {
    const work = logoutNotices(async ({ clientId }) => {
      const together = (busy.get(clientId) ?? 0) + 1
      busy.set(clientId, together)
      expect(together, `${clientId} is told one thing at a time`).to.equal(1)
      try {
        await answers[clientId]?.()
        told.push(clientId)
      } finally {
        busy.set(clientId, together - 1)
      }
    })
    const { outbox } = storage.database
    const worker = new OutboxWorker({ outbox, work, logger }, { ...NOTICE_OPTIONS, pollMs: 50 })
    worker.start()
    stop.push(() => worker.stop())
  }

  async function until(condition: () => boolean, what: string): Promise<void> {
    for (let tries = 0; tries < 500 && !condition(); tries += 1) await sleep(10)
    if (!condition()) throw new Error(`never happened: ${what}`)
  }
  const times = (clientId: string) => told.filter((each) => each === clientId).length

  it('wait for nobody else: many to one that thinks for long, a few to others', async () => {
    answers.slow = () => sleep(400)
    await add('slow', 20)
    await add('quick', 20)
    await add('other', 5)
    start()
    await until(() => times('quick') === 20 && times('other') === 5, 'the others are told')
    expect(times('slow')).to.be.lessThan(10)
  })

  it('to one that is down leave the others and mail alone', async () => {
    answers.down = async () => {
      throw new NoticeError('temporary', 'the app answered 503')
    }
    await add('down', 10)
    await storage.database.outbox.insert({ template: 'password-changed', userId: 'u', at: '' })
    await add('up', 3)
    start()
    const { outbox } = storage.database
    let mails = 0
    const send = async () => {
      mails += 1
    }
    const mail = new OutboxWorker({ outbox, work: mailWork(send, async () => true), logger })
    mail.start()
    stop.push(() => mail.stop())
    await until(() => times('up') === 3 && mails === 1, 'the others are told, and mail is sent')
    await until(() => logger.lines.length >= 10, 'each of its own was tried')
    expect(await outbox.counts('backchannel-logout')).to.deep.equal({ waiting: 10, dead: 0 })
    expect(logger.loud(), 'nothing an operator must do yet').to.deep.equal([])
  })

  it('go out while the mail server is away', async () => {
    const { outbox } = storage.database
    await outbox.insert({ template: 'password-changed', userId: 'u', at: '' })
    const away = async () => {
      throw new MailError('outage', 'SMTP: ECONNREFUSED')
    }
    const mail = new OutboxWorker({ outbox, work: mailWork(away, async () => false), logger })
    mail.start()
    stop.push(() => mail.stop())
    await until(() => logger.loud().includes('sending mail failed'), 'mail fails')
    await add('up', 3)
    start()
    await until(() => times('up') === 3, 'the app is told')
  })

  it('are given up at once where no try helps, and after three noes', async () => {
    answers.inside = async () => {
      throw new NoticeError('permanent', 'leads to 10.0.0.1')
    }
    await add('inside', 1)
    start()
    await until(() => logger.loud().length > 0, 'it is given up')
    expect(logger.loud()).to.deep.equal(['an app could not be told about a sign-out'])
    const { judge } = logoutNotices(async () => {})
    const row = (attempts: number) => ({
      ...{ id: '1', attempts },
      job: { kind: 'backchannel-logout' as const, clientId: 'a', accountId: 'b' },
    })
    const no = new NoticeError('turned-down', 'the app answered 400')
    expect([1, 2, 3, 4].map((attempts) => judge(no, row(attempts)))).to.deep.equal([
      ...['temporary', 'temporary', 'permanent', 'permanent'],
    ])
    expect(judge(new TypeError('of ours'), row(9))).to.equal('temporary')
  })
})
