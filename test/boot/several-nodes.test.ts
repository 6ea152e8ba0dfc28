/**
 * Independent nodes on one Postgres behave as one: keys and migrations are made once however many start at the same
 * instant, work that waits is done once, and what expires does so by the database's clock (invariants I1, I4, I6).
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import pg from 'pg'
import { newPostgresDatabase } from '../support/backends.ts'
import { ChildApp, productionSettings, type Settings } from '../support/child-app.ts'
import { type FrontProxy, startFrontProxy } from '../support/front-proxy.ts'
import { sendForm, sendRaw } from '../support/raw-http.ts'
import { PASSWORD, publicClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { ROOT } from '../support/source-tree.ts'
import { AUTHORIZATION, MACHINE, refreshTokenOf } from '../support/steady-load.ts'
import { type Page, UserAgent } from '../support/user-agent.ts'

const ISSUER = 'https://id.example.test'
const HOST = { host: 'id.example.test' }
const OTHER_CLOCK = new URL('../support/other-clock.ts', import.meta.url).href
const BASIC = `Basic ${Buffer.from(`${MACHINE.client_id}:${MACHINE.client_secret}`).toString('base64')}`

describe('several nodes on one Postgres', function () {
  this.timeout(180_000)
  const undo: (() => unknown)[] = []
  let settings: Settings
  let database: pg.Client
  let sink: SmtpSink

  beforeEach(async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    database = new pg.Client({ connectionString: url })
    await database.connect()
    undo.push(() => database.end())
    sink = await new SmtpSink().start()
    undo.push(() => sink.stop())
    const clientsFile = join(tmpdir(), `ostiary-nodes-${randomBytes(4).toString('hex')}.json`)
    writeFileSync(clientsFile, JSON.stringify({ clients: [publicClient(), MACHINE] }))
    undo.push(() => rmSync(clientsFile))
    settings = productionSettings({
      ISSUER,
      DATABASE_URL: url,
      SMTP_URL: sink.url,
      CLIENTS_FILE: clientsFile,
      TRUSTED_PROXIES: '127.0.0.1',
    })
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function start(count: number, more: Settings = {}): Promise<ChildApp[]> {
    const nodes = await Promise.all(
      Array.from({ length: count }, () => ChildApp.start({ ...settings, ...more })),
    )
    undo.push(() => Promise.all(nodes.map((node) => node.dispose())))
    return nodes
  }

  /** Requests of people take the nodes in turn. */
  async function between(nodes: ChildApp[]): Promise<FrontProxy> {
    const proxy = await startFrontProxy(
      ISSUER,
      nodes.map(({ origin }) => origin),
    )
    undo.push(() => proxy.close())
    return proxy
  }

  async function register(proxy: FrontProxy, email: string): Promise<{ browser: UserAgent; verify: Page }> {
    const browser = new UserAgent()
    browser.stopAt = (url) => url.startsWith('http://localhost:9/')
    const signIn = await browser.get(proxy.origin + AUTHORIZATION)
    const page = await browser.get(`${signIn.url}/register`)
    const verify = await browser.submit(page, { email, password: PASSWORD }, '/register')
    expect(verify.text, verify.url).to.include(email)
    return { browser, verify }
  }

  const ready = async ({ origin }: ChildApp) => (await sendRaw(origin, { target: '/health/ready' })).status
  const health = async ({ origin }: ChildApp) =>
    JSON.parse((await sendRaw(origin, { target: '/health' })).text)

  for (const round of [1, 2, 3])
    it(`four at the same instant on an empty database: one set of migrations and keys (${round})`, async () => {
      const nodes = await start(4)
      const keys = await Promise.all(
        nodes.map(async ({ origin }) => (await sendRaw(origin, { target: '/jwks', headers: HOST })).text),
      )
      expect(JSON.parse(keys[0] ?? '').keys.length).to.be.above(1)
      expect(new Set(keys).size).to.equal(1)
      const migrators = nodes.filter(({ lines }) => lines.some(({ applied }) => applied !== undefined))
      expect(migrators.length, 'nodes that migrated').to.equal(1)
      const { rows } = await database.query<{ name: string }>(
        'select name from knex_migrations order by name',
      )
      const files = readdirSync(join(ROOT, 'migrations')).filter((name) => name.endsWith('.ts'))
      expect(rows.map(({ name }) => name)).to.deep.equal(files.sort())
      for (const node of nodes) {
        expect(node.lines.filter(({ level }) => level === 'error')).to.deep.equal([])
        expect(await ready(node)).to.equal(200)
      }
    })

  it('twenty mails wait, two nodes send: each goes out once', async () => {
    sink.delay = 100
    const nodes = await start(2)
    const proxy = await between(nodes)
    const people = Array.from({ length: 20 }, (_, index) => `person-${index}@example.org`)
    // written down while nobody sends, then given to both at the same moment
    await sink.stop()
    for (const [index, email] of people.entries()) {
      proxy.headers['x-forwarded-for'] = `198.51.100.${index + 1}`
      await register(proxy, email)
    }
    await database.query('update outbox set due_at = now(), leased_until = null')
    await sink.start()
    await nodes[0]?.until('all are sent', () => sink.mails.length >= people.length)
    // time for a second one of something to arrive
    await sleep(3000)
    expect(sink.arrivals.length).to.equal(people.length)
    expect(sink.mails.flatMap(({ to }) => to).sort()).to.deep.equal(people.sort())
    expect((await database.query('select 1 from outbox')).rowCount).to.equal(0)
  })

  it('clocks that differ by a few seconds: what one issues is good at the other, and expires for both alike', async () => {
    const skewed = { NODE_OPTIONS: `--import=${OTHER_CLOCK}` }
    const [[early], [late]] = (await Promise.all([
      start(1, { ...skewed, CLOCK_SKEW_MS: '-4000' }),
      start(1, { ...skewed, CLOCK_SKEW_MS: '4000' }),
    ])) as [[ChildApp], [ChildApp]]
    const nodes = [early, late]
    expect(await Promise.all(nodes.map(ready))).to.deep.equal([200, 200])
    const proxy = await between(nodes)
    const { browser, verify } = await register(proxy, 'jane@example.org')
    await early.until('the mail is there', () => sink.mails.length > 0)
    const code =
      /(\d{3}) (\d{3})/
        .exec(sink.mails[0]?.parsed.text ?? '')
        ?.slice(1)
        .join('') ?? ''
    const consent = await browser.submit(verify, { code }, '/verify-email')
    let { url } = await browser.submit(consent, {}, '/consent')
    for (let turn = 0; turn < 6; turn += 1) {
      const token = await refreshTokenOf(proxy.origin, url)
      const target = nodes[turn % 2] as ChildApp
      const refreshed = await sendForm(
        target.origin,
        '/token',
        `grant_type=refresh_token&client_id=spa&refresh_token=${token}`,
        HOST,
      )
      expect(refreshed.status, refreshed.text).to.equal(200)
      url = (await browser.get(`${proxy.origin}${AUTHORIZATION}&prompt=none`)).url
      expect(url).to.include('code=')
    }
    for (const [issuing, asked] of [
      [early, late],
      [late, early],
    ] as const) {
      const issued = await sendForm(issuing.origin, '/token', 'grant_type=client_credentials', {
        ...HOST,
        authorization: BASIC,
      })
      const { access_token: token } = JSON.parse(issued.text)
      const active = async (node: ChildApp) => {
        const answer = await sendForm(node.origin, '/introspect', `token=${token}`, {
          ...HOST,
          authorization: BASIC,
        })
        return JSON.parse(answer.text).active as boolean
      }
      expect([await active(asked), await active(issuing)]).to.deep.equal([true, true])
      // the database says that its time is over; no node's clock has a say in it
      await database.query(`update oidc_client_credentials set expires_at = now() - interval '1 second'`)
      expect([await active(asked), await active(issuing)]).to.deep.equal([false, false])
    }
  })

  it('a clock that is minutes off, or jumps: that node is not ready until it is right again', async () => {
    const skewed = { NODE_OPTIONS: `--import=${OTHER_CLOCK}` }
    const [[right], [behind], [jumps]] = (await Promise.all([
      start(1),
      start(1, { ...skewed, CLOCK_SKEW_MS: '-90000' }),
      start(1, { ...skewed, CLOCK_SKEW_MS: '3600000', CLOCK_JUMPS: '1' }),
    ])) as [[ChildApp], [ChildApp], [ChildApp]]
    expect(await Promise.all([right, behind, jumps].map(ready))).to.deep.equal([200, 503, 200])
    expect((await health(behind)).checks.clock).to.include({
      state: 'down',
      detail: '90 seconds behind the database',
    })
    expect((await health(right)).checks.clock.state).to.equal('up')
    jumps.signal('SIGUSR2')
    await jumps.until('it is not ready', async () => (await ready(jumps)) === 503)
    expect((await health(jumps)).checks.clock.detail).to.equal('3600 seconds ahead of the database')
    jumps.signal('SIGUSR2')
    await jumps.until('it is ready again', async () => (await ready(jumps)) === 200)
  })
})
