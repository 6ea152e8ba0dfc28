/** `ostiary doctor`, `config check` and `status` against a deployment that is well, and against really broken things. */
import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import pg from 'pg'
import { SMTPServer } from 'smtp-server'
import { FINDINGS, type FindingCode } from '../../src/cli/doctor/findings.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp } from '../support/child-app.ts'
import { ostiaryMeanwhile } from '../support/command.ts'
import { SmtpSink } from '../support/smtp-sink.ts'

const OTHER_CLOCK = new URL('../support/other-clock.ts', import.meta.url).href
const SKEW_MS = 90_000

interface Check {
  area: string
  state: string
  code?: FindingCode
  what: string
  change?: string
}

describe('ostiary doctor', function () {
  this.timeout(300_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-doctor-'))
  const secret = randomBytes(32).toString('base64')
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  let sink: SmtpSink
  let app: ChildApp
  let settings: Record<string, string>

  before(async () => {
    database = await newPostgresDatabase()
    sink = await new SmtpSink().start()
    settings = {
      DATABASE_URL: database.url,
      OSTIARY_SECRET_KEY: secret,
      SMTP_URL: sink.url,
      MAIL_FROM: 'Ostiary <no-reply@example.org>',
      DATABASE_POOL: '4',
    }
    app = await ChildApp.start(settings)
    settings = { ...settings, PORT: String(app.port) }
  })
  after(async () => {
    await app?.dispose()
    await sink?.stop()
    await database?.drop()
    rmSync(folder, { recursive: true, force: true })
  })

  async function examined(more: Record<string, string> = {}) {
    const { status, stdout, stderr } = await ostiaryMeanwhile({ ...settings, ...more }, ['doctor', '--json'])
    expect([stderr, status === 0 || status === 3], stdout).to.deep.equal(['', true])
    const { checks, errors, warnings } = JSON.parse(stdout) as {
      checks: Check[]
      errors: number
      warnings: number
    }
    expect(status).to.equal(errors + warnings > 0 ? 3 : 0)
    return { checks, codes: checks.flatMap(({ code }) => code ?? []) }
  }
  const broken = async (more: Record<string, string>) => {
    const { checks } = await examined(more)
    return checks.filter(({ state }) => state === 'error').map(({ code }) => code)
  }

  it('finds nothing broken where nothing is, and asks for the first administrator', async () => {
    const { checks, codes } = await examined()
    expect(checks.filter(({ state }) => state === 'error')).to.deep.equal([])
    expect(codes).to.include('no-owner').and.to.not.include('database-clock')
    const well = checks.filter(({ state }) => state === 'ok').map(({ area }) => area)
    expect(well).to.include.members(['issuer', 'mail', 'database', 'keys', 'outbox', 'machine'])
    expect(JSON.stringify(checks))
      .to.not.include(secret)
      .and.to.not.include(new URL(database.url).password || '\0')
    expect(sink.mails).to.deep.equal([])
  })

  it('says in words what to do, with the code to look up', async () => {
    const { stdout, status } = await ostiaryMeanwhile({ ...settings, SMTP_URL: 'smtp://127.0.0.1:1' }, [
      'doctor',
    ])
    expect(status).to.equal(3)
    expect(stdout).to.match(
      /^error {4}mail {6}127\.0\.0\.1:1: .*\[mail-unreachable\]\n +-> Check host and port/m,
    )
    expect(stdout).to.match(/^\d+ errors, \d+ warnings, \d+ notes$/m)
    expect(stdout).to.not.include('\u001b')
  })

  it('Redis, mail and the issuer that do not answer, and a secret key of another database', async () => {
    const more = {
      REDIS_URL: 'redis://127.0.0.1:1',
      SMTP_URL: 'smtp://127.0.0.1:1',
      ISSUER: 'https://127.0.0.1:1',
      OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
    }
    expect(await broken(more)).to.have.members([
      ...['redis-unreachable', 'mail-unreachable', 'issuer-unreachable', 'secret-key-wrong'],
    ])
  })

  it('a mail server that refuses the password, and one without TLS', async () => {
    const refusing = new SMTPServer({
      ...{ authMethods: ['PLAIN'], allowInsecureAuth: true, disabledCommands: ['STARTTLS'] },
      onAuth: (_auth, _session, callback) => callback(new Error('no')),
    })
    await new Promise<void>((resolve) => refusing.listen(0, '127.0.0.1', resolve))
    try {
      const { port } = refusing.server.address() as AddressInfo
      const { checks } = await examined({ SMTP_URL: `smtp://jane:wrong-password@127.0.0.1:${port}` })
      const mail = checks.find(({ area }) => area === 'mail')
      expect(mail?.code).to.equal('mail-refused')
      expect(JSON.stringify(checks)).to.not.include('wrong-password')
    } finally {
      await new Promise<void>((resolve) => refusing.close(() => resolve()))
    }
    expect(await broken({ SMTP_URL: `${sink.url}?requireTLS=true` })).to.deep.equal(['mail-tls'])
  })

  it('an issuer that is somebody else, with another clock', async () => {
    const other = await listening((port) => ({ issuer: `https://not-${port}.example` }))
    try {
      expect(await broken({ PORT: String(other.port) })).to.deep.equal(['issuer-wrong'])
    } finally {
      other.close()
    }
    const late = await listening((port) => ({ issuer: `http://localhost:${port}` }), -SKEW_MS)
    try {
      expect((await examined({ PORT: String(late.port) })).codes).to.include('issuer-clock')
    } finally {
      late.close()
    }
  })

  it('a clock that is not the database’s', async () => {
    const { checks } = await examined({
      NODE_OPTIONS: `--import=${OTHER_CLOCK}`,
      CLOCK_SKEW_MS: String(SKEW_MS),
    })
    expect(checks.find(({ code }) => code === 'database-clock')?.what).to.match(/(89|90|91) seconds ahead/)
  })

  it('a database that does not answer, an old schema and a newer one; and changes neither', async () => {
    expect(await broken({ DATABASE_URL: 'postgres://nobody:x@127.0.0.1:1/none' })).to.deep.equal([
      'database-unreachable',
    ])
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    try {
      const newest = 'select name from knex_migrations order by id desc limit 1'
      const { name } = (await client.query(newest)).rows[0]
      await client.query('update knex_migrations set name = $1 where name = $2', [
        '29990101000000_later.ts',
        name,
      ])
      const { codes } = await examined()
      expect(codes).to.include.members(['migrations-missing', 'migrations-unknown'])
      expect((await client.query(newest)).rows[0].name).to.equal('29990101000000_later.ts')
      await client.query('update knex_migrations set name = $2 where name = $1', [
        '29990101000000_later.ts',
        name,
      ])
    } finally {
      await client.end()
    }
  })

  it('settings: valid and weak, without effect, readable by others; not valid at all', async () => {
    const file = join(folder, 'ostiary.json')
    writeFileSync(file, JSON.stringify({ METRICS_TOKEN: 'm'.repeat(32) }))
    chmodSync(file, 0o644)
    const { codes } = await examined({
      OSTIARY_CONFIG: file,
      SIGNING_KEY_DAYS: '0',
      CLIENT_ID_METADATA: 'open',
      REGISTRATION_UNUSED_DAYS: '10',
    })
    expect(codes).to.include.members([
      ...['config-file-readable', 'keys-never-rotate', 'documents-open', 'setting-unused'],
    ])
    expect(await broken({ PORT: 'x' })).to.deep.equal(['settings-invalid'])
  })

  it('the embedded database that the server has open', async () => {
    const dataDir = join(folder, 'data')
    const embedded = await ChildApp.start({ DATA_DIR: dataDir })
    try {
      const asked = { DATA_DIR: dataDir, PORT: String(embedded.port) }
      const { stdout } = await ostiaryMeanwhile(asked, ['doctor', '--json'])
      const codes = (JSON.parse(stdout).checks as Check[]).flatMap(({ code }) => code ?? [])
      expect(codes).to.include.members(['database-in-use', 'evaluation-mode', 'mail-kept-here'])
      const status = await ostiaryMeanwhile(asked, ['status', '--json'])
      const said = JSON.parse(status.stdout)
      expect([said.nodes[0].status, said.unread]).to.match(/up,.*is in use by process/)
    } finally {
      await embedded.dispose()
    }
  })

  it('a place where nothing was ever started: a look leaves nothing there', async () => {
    const dataDir = join(folder, 'nothing')
    const asked = { DATA_DIR: dataDir, PORT: settings.PORT ?? '' }
    const { stdout, stderr } = await ostiaryMeanwhile(asked, ['doctor', '--json'])
    expect(stderr).to.equal('')
    const database = (JSON.parse(stdout).checks as Check[]).filter(({ area }) => area === 'database')
    expect(database.map(({ state, code }) => [state, code])).to.deep.equal([['note', 'database-missing']])
    const status = await ostiaryMeanwhile(asked, ['status', '--json'])
    expect([status.status, JSON.parse(status.stdout).unread]).to.match(/^3,There is no database in .+ yet/)
    expect((await ostiaryMeanwhile(asked, ['config', 'check'])).status).to.equal(0)
    expect(existsSync(dataDir)).to.equal(false)
  })

  it('config check names all faults at once, and never shows a secret', async () => {
    const wrong = {
      ...settings,
      PORT: 'x',
      LOG_LEVEL: 'loud',
      ISSUER: 'https://id.example.org',
      MAIL_FROM: '',
    }
    const { status, stdout } = await ostiaryMeanwhile(wrong, ['config', 'check', '--json'])
    const said = JSON.parse(stdout)
    expect([status, said.valid]).to.deep.equal([3, false])
    const names = said.faults.map(({ name }: { name: string }) => name)
    expect(names).to.have.members(['PORT', 'LOG_LEVEL', 'MAIL_FROM'])
    const right = await ostiaryMeanwhile(settings, ['config', 'check'])
    expect(right.status, right.stdout).to.equal(0)
    expect(right.stdout).to.match(/^DATABASE_URL +\[secret\] {2}\(environment\)$/m)
    expect(right.stdout).to.match(/^DATABASE_POOL +4 {2}\(environment\)$/m)
    expect(right.stdout).to.match(/^PASSWORD_MIN_LENGTH +15 {2}\(default\)$/m)
    expect(right.stdout).to.not.include(secret)
  })

  it('status tells of nodes, migrations, keys and what waits', async () => {
    const good = await ostiaryMeanwhile(settings, ['status', '--node', app.origin])
    expect(good.status, good.stdout).to.equal(0)
    expect(good.stdout)
      .to.match(/^node +http:\S+ {2}up$/m)
      .and.to.match(/^migrations {2}none missing$/m)
    expect(good.stdout)
      .to.match(/^outbox +mail: 0 waiting, 0 given up$/m)
      .and.to.match(/^key +ES256 /m)
    const one = ['--node', app.origin, '--node', 'http://127.0.0.1:1']
    const bad = await ostiaryMeanwhile(settings, ['status', '--json', ...one])
    const { nodes } = JSON.parse(bad.stdout) as { nodes: { status: string }[] }
    expect([bad.status, nodes.map(({ status }) => status.slice(0, 9))]).to.deep.equal([
      3,
      ['up', 'no answer'],
    ])
    expect((await ostiaryMeanwhile(settings, ['status', '--node', 'x'])).status).to.equal(2)
  })

  it('what was given up, keys that should have changed', async () => {
    const client = new pg.Client({ connectionString: database.url })
    await client.connect()
    try {
      // The running app would do what is due, so it is asked about before that.
      await app.dispose()
      await client.query("update signing_keys set since = since - interval '400 days'")
      await client.query(`insert into outbox (job, dead_at) values ('{"template":"x"}', now())`)
      const { codes } = await examined()
      expect(codes).to.include.members(['outbox-dead', 'signing-keys-overdue', 'issuer-not-running'])
      await client.query('delete from outbox')
    } finally {
      await client.end()
    }
  })

  it('has something to do for every finding', () => {
    for (const [code, [, change]] of Object.entries(FINDINGS)) expect(change, code).to.match(/^.{15,}[.]$/s)
  })
})

async function listening(metadata: (port: number) => object, skewMs = 0) {
  const server: Server = createServer((_, response) => {
    const { port } = server.address() as AddressInfo
    response.setHeader('Date', new Date(Date.now() + skewMs).toUTCString())
    response.end(JSON.stringify(metadata(port)))
  })
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve))
  return { port: (server.address() as AddressInfo).port, close: () => server.close() }
}
