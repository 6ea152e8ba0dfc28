/** Starts that must fail: with a sentence that says what to do, with exit code 1, without a secret. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { required } from '../support/backends.ts'
import { ChildApp, productionSettings, type Settings } from '../support/child-app.ts'
import { startPostgres } from '../support/services.ts'

describe('a start that must fail', function () {
  this.timeout(90_000)
  const undo: (() => unknown)[] = []
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ostiary-boot-'))
    undo.push(() => rmSync(folder, { recursive: true, force: true }))
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  function launch(settings: Settings): ChildApp {
    const app = new ChildApp({ LOG_LEVEL: 'info', ARGON2_MEMORY_KIB: '19456', ...settings }, folder)
    undo.push(() => app.dispose())
    return app
  }

  /** Ends by itself with code 1, in words. */
  async function refused(app: ChildApp): Promise<string> {
    expect(await app.exited(), app.stdout).to.equal(1)
    expect(app.stderr).to.not.match(/^\s+at /m)
    expect(app.lines.some(({ msg }) => msg === 'ready')).to.equal(false)
    return app.stderr
  }

  async function occupied(): Promise<string> {
    const server: Server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    undo.push(() => new Promise((resolve) => server.close(resolve)))
    return String((server.address() as AddressInfo).port)
  }

  it('names every fault of the settings at once', async () => {
    writeFileSync(
      join(folder, 'settings.json'),
      JSON.stringify({ PROT: 1, LOG_LEVEL: 'loud', DRAIN_SECONDS: 'x' }),
    )
    const secret = 'hunter2hunter2'
    const app = launch({
      OSTIARY_CONFIG: 'settings.json',
      LOG_LEVEL: '',
      PORT: '99999',
      SMTP_URL: `http://user:${secret}@mail`,
      OSTIARY_SECRET: secret,
      MAIL_FROM: 'nobody',
    })
    const said = await refused(app)
    for (const name of [
      'PROT',
      'LOG_LEVEL',
      'DRAIN_SECONDS',
      'PORT',
      'SMTP_URL',
      'OSTIARY_SECRET',
      'MAIL_FROM',
    ])
      expect(said).to.match(new RegExp(`^ {2}${name}: `, 'm'))
    expect(said + app.stdout).to.not.include(secret)
    expect(existsSync(join(folder, 'data')), 'nothing was made').to.equal(false)
  })

  it('refuses weak production settings by name', async () => {
    const app = launch({
      ISSUER: 'http://id.example.org/path',
      PASSWORD_MIN_LENGTH: '7',
      ARGON2_MEMORY_KIB: '1024',
    })
    const said = await refused(app)
    for (const name of [
      'ISSUER',
      'DATABASE_URL',
      'SMTP_URL',
      'MAIL_FROM',
      'OSTIARY_SECRET_KEY',
      'PASSWORD_MIN_LENGTH',
      'ARGON2_MEMORY_KIB',
    ])
      expect(said).to.include(`  ${name}: `)
  })

  it('says which port is in use, for the app and for the samples', async () => {
    const taken = await occupied()
    const free = await occupied()
    undo.pop()?.()
    const said = await refused(launch({ PORT: taken, SAMPLES_PORT: free }))
    expect(said).to.include(`Port ${taken} is in use`)
    const second = launch({ PORT: free, SAMPLES_PORT: taken })
    expect(await refused(second)).to.include(`Port ${taken} is in use`)
    // What was opened is closed again: the data can be used at once.
    const third = await ChildApp.start({ ARGON2_MEMORY_KIB: '19456' }, folder)
    undo.push(() => third.dispose())
  })

  it('says that the data directory cannot be used', async () => {
    writeFileSync(join(folder, 'file'), '')
    const said = await refused(launch({ DATA_DIR: join(folder, 'file', 'data') }))
    expect(said)
      .to.match(/DATA_DIR|data directory/)
      .and.include(join(folder, 'file', 'data'))
    // Root may read everything, so what is not a directory stands for what may not be used.
    expect(await refused(launch({ DATA_DIR: join(folder, 'file') }))).to.include(join(folder, 'file'))
    mkdirSync(join(folder, 'data'))
    writeFileSync(join(folder, 'data', 'secret.key'), 'not a key\n')
    expect(await refused(launch({}))).to.include('OSTIARY_SECRET_KEY')
  })

  it('says that the data is damaged, and leaves it as it is', async () => {
    const data = join(folder, 'data', 'postgres')
    mkdirSync(data, { recursive: true })
    writeFileSync(join(data, 'PG_VERSION'), '9.4\n')
    writeFileSync(join(data, 'precious'), 'x')
    expect(await refused(launch({}))).to.include('could not be opened')
    expect(readdirSync(data)).to.include('precious')
  })

  it('lets one process have a data directory, and tells the second who has it', async () => {
    const first = await ChildApp.start({ ARGON2_MEMORY_KIB: '19456' }, folder)
    undo.push(() => first.dispose())
    const said = await refused(launch({ PORT: '45999', SAMPLES_PORT: '45998' }))
    expect(said).to.include(`in use by process ${first.pid}`).and.include('DATABASE_URL')
    expect(
      (await fetch(`http://localhost:${first.port}/health/ready`)).status,
      'the first is unharmed',
    ).to.equal(200)
    await first.kill()
    const after = await ChildApp.start({ ARGON2_MEMORY_KIB: '19456' }, folder)
    undo.push(() => after.dispose())
  })

  it('waits for a database that is not up yet, saying so, and starts when it comes', async () => {
    const postgres = await startPostgres()
    undo.push(() => postgres.stop())
    await postgres.service.end()
    const url = postgres.url.replace('ostiary@', 'ostiary:hunter2@')
    const app = launch(productionSettings({ PORT: '45997', DATABASE_URL: url }))
    await app.until('it says that it waits', () => app.lines.some(({ attempt }) => attempt === 1))
    const line = app.lines.find(({ attempt }) => attempt === 1)
    expect(line).to.include({ level: 'warn', of: 10 })
    expect(line?.msg).to.match(/database does not answer; trying again/)
    expect(JSON.stringify(line)).to.include('ECONNREFUSED')
    await postgres.service.start()
    await app.ready()
    expect(app.stdout + app.stderr).to.not.include('hunter2')
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
  })

  it('can be told to stop while it waits, also where nobody but the program handles signals', async () => {
    const app = launch(
      productionSettings({ PORT: '45993', DATABASE_URL: 'postgres://ostiary@127.0.0.1:1/none' }),
    )
    await app.until('it says that it waits', () => app.lines.some(({ attempt }) => attempt === 1))
    app.signal('SIGTERM')
    expect(await app.exited(), 'by its own decision, not the system’s').to.equal(0)
  })

  it('fails at once on a database that will never do: unknown, or with another password', async () => {
    const url = new URL(required('TEST_POSTGRES_URL'))
    url.pathname = '/there_is_none'
    url.password = 'hunter2'
    const before = performance.now()
    const app = launch(productionSettings({ PORT: '45996', DATABASE_URL: url.href }))
    const said = await refused(app)
    expect(said).to.match(/there_is_none/)
    expect(performance.now() - before, 'no use in trying again').to.be.below(20_000)
    expect(said + app.stdout).to.not.include('hunter2')
  })

  it('names the client and the member that is wrong in the clients file', async () => {
    const file = join(folder, 'clients.json')
    const cases: [unknown, string[]][] = [
      [
        { clients: [{ client_id: 'shop', client_secret: 'short', redirect_uris: ['https://a/cb'] }] },
        ['shop', 'client_secret'],
      ],
      [
        {
          clients: [{ client_id: 'spa', token_endpoint_auth_method: 'none', redirect_uris: ['http://a/cb'] }],
        },
        ['spa', 'redirect_uris'],
      ],
      [{ clients: {} }, [file]],
    ]
    for (const [content, words] of cases) {
      writeFileSync(file, JSON.stringify(content))
      const said = await refused(launch({ CLIENTS_FILE: file, PORT: '45995', SAMPLES_PORT: '45994' }))
      for (const word of words) expect(said).to.include(word)
      expect(said).to.not.include('"short"')
    }
    writeFileSync(file, '{"clients": [')
    expect(await refused(launch({ CLIENTS_FILE: file, PORT: '45995', SAMPLES_PORT: '45994' }))).to.include(
      file,
    )
    const missing = join(folder, 'no-such-file.json')
    expect(await refused(launch({ CLIENTS_FILE: missing, PORT: '45995', SAMPLES_PORT: '45994' }))).to.include(
      missing,
    )
  })

  it('tells an older Node what to do, before anything else', () => {
    const script = join(import.meta.dirname, '../../scripts/check-node.cjs')
    const pretend = `Object.defineProperty(process, 'version', { value: 'v20.1.0' });
      Object.defineProperty(process.versions, 'node', { value: '20.1.0' }); require(${JSON.stringify(script)})`
    const { status, stderr } = spawnSync(process.execPath, ['-e', pretend], { encoding: 'utf8' })
    expect(status).to.equal(1)
    expect(stderr).to.include('Node 24')
  })
})
