/** `WORKERS=n`: one port, several processes, a primary that keeps them; and when it refuses to. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp, productionSettings, type Settings } from '../support/child-app.ts'
import { freePort } from '../support/child-service.ts'
import { sendRaw } from '../support/raw-http.ts'

const HOST = { host: 'id.example.test' }

describe('workers', function () {
  this.timeout(120_000)
  const undo: (() => unknown)[] = []
  let settings: Settings

  beforeEach(async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    settings = productionSettings({ DATABASE_URL: url, WORKERS: '2' })
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function start(more: Settings = {}): Promise<ChildApp> {
    const app = await ChildApp.start({ ...settings, ...more })
    undo.push(() => app.dispose())
    const count = Number(more.WORKERS ?? settings.WORKERS)
    // Both, for lines of two processes come in any order.
    await app.until(
      'all are ready',
      () => said(app, 'all workers are ready').length === 1 && workers(app).length === count,
    )
    return app
  }

  const said = (app: ChildApp, words: string) => app.lines.filter(({ msg }) => msg === words)
  /** of the workers that have become ready, oldest first */
  const workers = (app: ChildApp) => said(app, 'ready').map(({ pid }) => Number(pid))
  const ready = (app: ChildApp) => sendRaw(app.origin, { target: '/health/ready' })
  const jwks = async (app: ChildApp) => (await sendRaw(app.origin, { target: '/jwks', headers: HOST })).text

  /** Until each of the processes has written down a request. */
  async function reachAll(app: ChildApp, pids: number[]): Promise<void> {
    const from = app.lines.length
    await app.until(`requests reach ${pids.join(' and ')}`, async () => {
      await jwks(app)
      const seen = app.lines.slice(from).flatMap(({ msg, pid }) => (msg === 'request' ? [pid] : []))
      return pids.every((pid) => seen.includes(pid))
    })
  }

  it('serve one port by turns, with the same keys; the primary serves nothing', async () => {
    const app = await start({ WORKERS: '3' })
    const pids = workers(app)
    expect(new Set(pids).size).to.equal(3)
    expect(pids).to.not.include(app.pid)
    await reachAll(app, pids)
    const keys = await Promise.all(Array.from({ length: 12 }, () => jwks(app)))
    expect(new Set(keys).size).to.equal(1)
    expect(app.lines.filter(({ msg }) => String(msg).includes('brought up to date')).length).to.equal(1)
    for (const line of app.lines) expect(line.pid, JSON.stringify(line)).to.be.a('number')
  })

  it('stop with the primary, in order, however many of the group are signalled', async () => {
    const app = await start({ DRAIN_DELAY_SECONDS: '1' })
    const pids = workers(app)
    // a terminal or a service manager signals all of them
    for (const pid of pids) process.kill(pid, 'SIGTERM')
    await sleep(500)
    expect((await ready(app)).status, 'workers take orders from the primary alone').to.equal(200)
    app.signal('SIGTERM')
    for (const pid of pids) process.kill(pid, 'SIGTERM')
    await app.until('not ready', async () => (await ready(app)).status === 503)
    expect((await sendRaw(app.origin, { target: '/jwks', headers: HOST })).status, 'still served').to.equal(
      200,
    )
    expect(await app.exited()).to.equal(0)
    expect(said(app, 'stopped').length).to.equal(2)
    expect(said(app, 'a worker ended by itself and is replaced')).to.deep.equal([])
    for (const pid of pids) expect(isAlive(pid)).to.equal(false)
  })

  it('end with a primary that is killed', async () => {
    const app = await start()
    const pids = workers(app)
    app.signal('SIGKILL')
    // the workers hold the pipes, so the end of those is the end of them
    await app.exited()
    await gone(pids)
  })

  it('are replaced when they die; nobody who comes meanwhile is turned away', async () => {
    const app = await start()
    const [dying = 0, other = 0] = workers(app)
    process.kill(dying, 'SIGKILL')
    await app.until('it is noticed', () => said(app, 'a worker ended by itself and is replaced').length === 1)
    for (let tries = 0; tries < 20; tries += 1) expect((await ready(app)).status).to.equal(200)
    await app.until('another is ready', () => workers(app).length === 3)
    await reachAll(app, [other, workers(app)[2] ?? 0])
  })

  it('SIGHUP replaces each by one that has read the settings anew, and keeps the old when that cannot start', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'ostiary-workers-')), 'secret')
    undo.push(() => rmSync(dirname(file), { recursive: true }))
    writeFileSync(file, settings.OSTIARY_SECRET_KEY ?? '')
    const app = await start({ OSTIARY_SECRET_KEY: '', OSTIARY_SECRET_KEY_FILE: file })
    const old = workers(app)
    app.signal('SIGHUP')
    await app.until('replaced', () => said(app, 'all workers were replaced').length === 1)
    await app.until('all have said so', () => workers(app).length === 4)
    const fresh = workers(app).slice(2)
    await reachAll(app, fresh)
    for (const pid of old) expect(isAlive(pid)).to.equal(false)
    // a mistake of the operator's
    writeFileSync(file, 'not a key')
    app.signal('SIGHUP')
    await app.until('it is refused', () =>
      app.lines.some(({ msg }) => String(msg).includes('a new worker could not start')),
    )
    expect(app.stderr).to.include('OSTIARY_SECRET_KEY')
    await reachAll(app, fresh)
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
  })

  it('do not start at all when the first cannot: once said why, exit code 1', async () => {
    const port = String(await freePort())
    const app = new ChildApp({ ...settings, PORT: port, CLIENTS_FILE: '/nowhere/clients.json' })
    undo.push(() => app.dispose())
    expect(await app.exited()).to.equal(1)
    expect(app.stderr.match(/cannot be read/g)?.length).to.equal(1)
    expect(app.lines.at(-1)?.msg).to.match(/first worker could not start/)
    expect(app.lines.at(-1)).to.include({ exitCode: 1 })
  })

  it('are given up when they keep dying as soon as they start', async () => {
    const app = await start({ LOG_LEVEL: 'info' })
    const killed = new Set<number>()
    const killer = setInterval(() => {
      for (const pid of [...workers(app), ...starting(app.pid)])
        if (!killed.has(pid)) {
          killed.add(pid)
          try {
            process.kill(pid, 'SIGKILL')
          } catch {
            // gone by itself
          }
        }
    }, 20)
    undo.push(() => clearInterval(killer))
    expect(await app.exited()).to.equal(1)
    expect(app.lines.some(({ msg }) => String(msg).includes('given up'))).to.equal(true)
    expect(killed.size, 'with pauses that grow, not for ever').to.be.within(8, 30)
  })

  it('a stop in the middle of the start ends both', async () => {
    const port = String(await freePort())
    const app = new ChildApp({ ...settings, PORT: port })
    undo.push(() => app.dispose())
    await app.until('a worker is on its way', () => starting(app.pid).length > 0)
    await sleep(150)
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
  })

  it('a second signal later on kills what is left', async () => {
    const app = await start({ DRAIN_DELAY_SECONDS: '30' })
    const pids = workers(app)
    app.signal('SIGTERM')
    await sleep(1500)
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(1)
    await gone(pids)
  })

  it('are refused on the embedded database and in evaluation, by a sentence', async () => {
    for (const [wrong, words] of [
      [{ WORKERS: '2' }, 'WORKERS: needs DATABASE_URL: the embedded database serves one process'],
      [{ WORKERS: 'auto' }, 'WORKERS: needs DATABASE_URL: the embedded database serves one process'],
      [{ WORKERS: '2', DATABASE_URL: settings.DATABASE_URL }, 'WORKERS: is for production'],
      [{ ...settings, WORKERS: 'many' }, 'WORKERS: must be a number from 1 to 64, or auto'],
      [{ ...settings, WORKERS: '0' }, 'WORKERS: must be a number from 1 to 64, or auto'],
    ] as [Settings, string][]) {
      const app = new ChildApp(wrong)
      undo.push(() => app.dispose())
      expect(await app.exited()).to.equal(1)
      expect(app.stderr).to.include(words)
    }
  })
})

/** Not counting one that has ended and that nobody has asked how: where there is no init, it stays for ever. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

async function gone(pids: number[]): Promise<void> {
  for (let tries = 0; pids.some(isAlive); tries += 1) {
    if (tries === 100) throw new Error(`still there: ${pids.filter(isAlive)}`)
    await sleep(100)
  }
}

/** Direct children of a process (Linux). */
function starting(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number)
  } catch {
    return []
  }
}
