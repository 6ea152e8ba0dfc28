/** A stop while a mail is on its way: it is finished, or it goes back to the outbox at once and not after its lease. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp, type Settings } from '../support/child-app.ts'
import { webClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { register } from './steps.ts'

const EMAIL = 'waits@example.org'

describe('a stop with a mail in hand', function () {
  this.timeout(120_000)
  const undo: (() => unknown)[] = []
  let sink: SmtpSink
  let database: pg.Client
  let settings: Settings

  beforeEach(async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    database = new pg.Client({ connectionString: url })
    await database.connect()
    undo.push(() => database.end())
    sink = await new SmtpSink().start()
    undo.push(() => sink.stop())
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-mail-'))
    undo.push(() => rmSync(folder, { recursive: true }))
    const clientsFile = join(folder, 'clients.json')
    writeFileSync(clientsFile, JSON.stringify({ clients: [webClient()] }))
    settings = {
      DATABASE_URL: url,
      SMTP_URL: sink.url,
      CLIENTS_FILE: clientsFile,
      OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
      ARGON2_MEMORY_KIB: '19456',
      DRAIN_SECONDS: '2',
    }
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function start(): Promise<ChildApp> {
    const app = await ChildApp.start(settings)
    undo.push(() => app.dispose())
    return app
  }

  /** Somebody registers; the mail has reached the server and waits for its answer. */
  async function mailInHand(app: ChildApp): Promise<void> {
    await register(`http://localhost:${app.port}`, EMAIL)
    await app.until('the mail server has it', () => sink.arrived === 1)
  }

  const waiting = async () =>
    (
      await database.query<{ leased: boolean; seconds: number }>(
        `select leased_until > now() as leased, extract(epoch from due_at - now())::float8 as seconds from outbox`,
      )
    ).rows

  it('finishes it when the server answers in time', async () => {
    sink.delay = 1200
    const app = await start()
    await mailInHand(app)
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
    expect(sink.mails.length).to.equal(1)
    expect(await waiting()).to.deep.equal([])
  })

  it('cuts the conversation when the drain is over, and the next process sends it within seconds', async () => {
    sink.mode = 'stall'
    const app = await start()
    await mailInHand(app)
    const before = performance.now()
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
    expect(performance.now() - before).to.be.below(12_000)
    const [row, ...more] = await waiting()
    expect(more).to.deep.equal([])
    expect(row?.leased ?? false, 'leased to a process that is gone').to.equal(false)
    expect(row?.seconds).to.be.below(10)
    sink.mode = 'ok'
    const next = await start()
    await next.until('it is sent', () => sink.mails.length === 1, 20_000)
  })
})
