/**
 * Nodes are restarted one after the other while requests come: not one fails (`security.md` 4.4, SIGTERM drain). In turn
 * behind a balancer by SIGTERM, and the workers of one port by SIGHUP.
 */
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { type Balancer, startBalancer } from '../support/balancer.ts'
import { ChildApp, productionSettings, type Settings } from '../support/child-app.ts'
import { freePort } from '../support/child-service.ts'
import { times } from '../support/faults.ts'
import { PASSWORD, publicClient } from '../support/relying-party.ts'
import { SmtpSink } from '../support/smtp-sink.ts'
import { AUTHORIZATION, MACHINE, refreshTokenOf, SteadyLoad } from '../support/steady-load.ts'
import { UserAgent } from '../support/user-agent.ts'

const ISSUER = 'https://id.example.test'
const CYCLES = times(3, 30)
const CHAINS = 2

describe('restarting under load', function () {
  this.timeout(times(240_000, 3_600_000))
  const undo: (() => unknown)[] = []
  let settings: Settings
  let sink: SmtpSink

  beforeEach(async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    sink = await new SmtpSink().start()
    undo.push(() => sink.stop())
    const clientsFile = join(tmpdir(), `ostiary-rolling-${randomBytes(4).toString('hex')}.json`)
    writeFileSync(clientsFile, JSON.stringify({ clients: [publicClient(), MACHINE] }))
    undo.push(() => rmSync(clientsFile))
    settings = productionSettings({
      ISSUER,
      DATABASE_URL: url,
      SMTP_URL: sink.url,
      CLIENTS_FILE: clientsFile,
      TRUSTED_PROXIES: '127.0.0.1',
      LOG_LEVEL: 'warn',
      DRAIN_DELAY_SECONDS: String(times(2, 5)),
    })
  })
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function start(more: Settings): Promise<ChildApp> {
    const app = await ChildApp.start({ ...settings, LOG_LEVEL: 'info', ...more })
    undo.push(() => app.dispose())
    return app
  }

  async function balance(nodes: string[]): Promise<Balancer> {
    const balancer = await startBalancer(ISSUER, nodes)
    undo.push(() => balancer.close())
    await until('all nodes are ready', () => balancer.ready().length === nodes.length)
    return balancer
  }

  /** Somebody registers, and apps of theirs hold one refresh token each. */
  async function refreshTokens(origin: string): Promise<string[]> {
    const browser = new UserAgent()
    browser.stopAt = (url) => url.startsWith('http://localhost:9/')
    const signIn = await browser.get(origin + AUTHORIZATION)
    const page = await browser.get(`${signIn.url}/register`)
    const verify = await browser.submit(page, { email: 'jane@example.org', password: PASSWORD }, '/register')
    await until('the mail is there', () => sink.mails.length > 0)
    const code =
      /(\d{3}) (\d{3})/
        .exec(sink.mails[0]?.parsed.text ?? '')
        ?.slice(1)
        .join('') ?? ''
    const consent = await browser.submit(verify, { code }, '/verify-email')
    let { url } = await browser.submit(consent, {}, '/consent')
    const tokens = [await refreshTokenOf(origin, url)]
    while (tokens.length < CHAINS) {
      url = (await browser.get(`${origin}${AUTHORIZATION}&prompt=none`)).url
      tokens.push(await refreshTokenOf(origin, url))
    }
    return tokens
  }

  async function underLoad(origin: string, restart: (cycle: number) => Promise<void>): Promise<SteadyLoad> {
    const load = new SteadyLoad(origin)
    load.start(await refreshTokens(origin))
    try {
      await sleep(500)
      for (let cycle = 0; cycle < CYCLES; cycle += 1) {
        await restart(cycle)
        if (load.failures.length > 0) break
      }
      await sleep(500)
    } finally {
      await load.stop()
    }
    expect(load.failures, `of ${load.total} requests`).to.deep.equal([])
    for (const [client, count] of Object.entries(load.counts)) expect(count, client).to.be.above(CYCLES * 5)
    return load
  }

  it(`two nodes behind a balancer, in turn by SIGTERM, ${CYCLES} times: no request fails`, async function () {
    const ports = [String(await freePort()), String(await freePort())]
    const nodes = await Promise.all(ports.map((PORT) => start({ PORT })))
    const balancer = await balance(nodes.map(({ origin }) => origin))
    const load = await underLoad(balancer.origin, async (cycle) => {
      const index = cycle % nodes.length
      const node = nodes[index] as ChildApp
      node.signal('SIGTERM')
      expect(await node.exited()).to.equal(0)
      expect(balancer.ready(), 'turned away before the port closed').to.not.include(node.origin)
      nodes[index] = await start({ PORT: ports[index] as string })
      await until('it is back', () => balancer.ready().includes(node.origin))
      const before = balancer.answered.get(node.origin) ?? 0
      await until('it is used', () => (balancer.answered.get(node.origin) ?? 0) > before + 10)
    })
    this.runnable().title += ` (${load.total} requests)`
  })

  it(`the workers of one port by SIGHUP, ${CYCLES} times: no request fails, readiness never wavers`, async function () {
    const node = await start({ WORKERS: '2' })
    await node.until('both workers', () => node.lines.some(({ msg }) => msg === 'all workers are ready'))
    const balancer = await balance([node.origin])
    const workers = () => new Set(node.lines.filter(({ msg }) => msg === 'ready').map(({ pid }) => pid))
    const load = await underLoad(balancer.origin, async (cycle) => {
      node.signal('SIGHUP')
      const done = () => node.lines.filter(({ msg }) => msg === 'all workers were replaced').length
      await node.until('all are replaced', () => done() === cycle + 1)
    })
    expect(workers().size, 'processes that served').to.equal(2 + 2 * CYCLES)
    this.runnable().title += ` (${load.total} requests)`
  })
})

async function until(what: string, holds: () => boolean, seconds = 30): Promise<void> {
  const deadline = performance.now() + seconds * 1000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${seconds} seconds: ${what}`)
    await sleep(50)
  }
}
