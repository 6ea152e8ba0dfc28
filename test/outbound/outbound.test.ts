/** The one way out, against real servers on this machine and names that the test makes up. */
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { expect } from 'chai'
import { isSpecialUse } from '../../src/outbound/addresses.ts'
import { OutboundError } from '../../src/outbound/error.ts'
import { Outbound, type OutboundOptions, type OutboundRequest } from '../../src/outbound/outbound.ts'
import { checkGuard } from '../../src/outbound/self-test.ts'
import { INSIDE_TARGETS } from '../support/inside-targets.ts'
import { OWN_CERTIFICATE } from '../support/own-certificate.ts'
import { type SocketWatch, watchSockets } from '../support/sockets.ts'

/** A public address nothing is ever sent to: the test's own guard (test/setup.ts) ends what goes there. */
const PUBLIC = '93.184.216.34'

describe('requests of the provider', () => {
  const servers: Server[] = []
  let sockets: SocketWatch
  beforeEach(() => {
    sockets = watchSockets()
  })
  afterEach(() => {
    sockets.stop()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  async function serve(handler: RequestListener): Promise<number> {
    const server = createServer(handler)
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  const outbound = (options: Partial<OutboundOptions> = {}) => new Outbound({ allow: [], ...options })

  async function failure(attempt: Promise<Response>): Promise<string> {
    const outcome = await attempt.catch((error: unknown) => error)
    if (outcome instanceof OutboundError) return outcome.failure
    throw new Error(`expected to fail, got ${outcome instanceof Response ? outcome.status : outcome}`)
  }

  describe('to where nobody should be sent', () => {
    it(`are refused without a socket, in ${INSIDE_TARGETS.length} spellings`, async () => {
      expect(INSIDE_TARGETS.length).to.be.at.least(60)
      const one = outbound({ resolve: async (name) => [name.replace(/\.$/, '')] })
      for (const target of INSIDE_TARGETS)
        expect(await failure(one.fetch(target)), target).to.equal('refused')
      expect(sockets.destinations).to.deep.equal([])
      expect(one.snapshot().hosts, 'a refusal is no failure of the host').to.deep.equal([])
    })

    it('are refused when any address of the name is inside', async () => {
      const one = outbound({ resolve: async () => [PUBLIC, '10.0.0.1'] })
      expect(await failure(one.fetch('https://both.example.org/'))).to.equal('refused')
      expect(sockets.destinations).to.deep.equal([])
    })

    it('go to the address that was checked, whatever the name says a moment later', async () => {
      let hits = 0
      const port = await serve((_req, res) => {
        hits += 1
        res.end()
      })
      const answers = [[PUBLIC], ['127.0.0.1'], ['127.0.0.1']]
      let asked = 0
      const one = outbound({ resolve: async () => answers[asked++] as string[] })
      const thrown = await one.fetch(`https://rebinding.localhost:${port}/`).catch((error: Error) => error)
      expect(String((thrown as Error).message)).to.include(`must not reach the network (${PUBLIC})`)
      expect([asked, hits]).to.deep.equal([1, 0])
      expect(sockets.destinations).to.deep.equal([`${PUBLIC}:${port}`])
    })

    it('are refused by what the address says already', async () => {
      const port = await serve((_req, res) => res.end())
      const one = outbound({ allow: [`http://127.0.0.1:${port}`], resolve: async () => [PUBLIC] })
      for (const target of [
        'http://app.example.org/plain',
        `https://user:secret@app.example.org/`,
        `http://user@127.0.0.1:${port}/`,
        `http://127.0.0.1:${port + 1}/`,
        `https://127.0.0.1:${port}/`,
        'ftp://app.example.org/',
        'file:///etc/passwd',
        'data:text/plain,hello',
        '/relative',
      ])
        expect(await failure(one.fetch(target)), target).to.equal('refused')
      expect(sockets.destinations).to.deep.equal([])
      expect((await one.fetch(`http://127.0.0.1:${port}/`)).status, 'and the listed one is not').to.equal(200)
    })

    it('knows both sides of every border', () => {
      const inside = [
        '100.127.255.255',
        '172.31.255.255',
        '198.19.255.255',
        '223.255.255.255x',
        'fe80::1%eth0',
        '',
      ]
      const outside = ['1.1.1.1', '100.63.255.255', '100.128.0.0', '172.15.0.1', '172.32.0.1', '198.20.0.0']
      const outsideToo = [
        '223.255.255.255',
        '2606:4700::1111',
        '2001:200::1',
        '2a00:1450::1',
        '169.253.255.255',
      ]
      expect(inside.filter((each) => !isSpecialUse(each))).to.deep.equal([])
      expect([...outside, ...outsideToo].filter(isSpecialUse)).to.deep.equal([])
    })

    it('stop the start when the guard does not hold', async () => {
      await checkGuard(outbound(), [])
      expect(sockets.destinations).to.deep.equal([])
      const broken = outbound({ denies: (address) => address !== '127.0.0.1' && isSpecialUse(address) })
      const refused = await checkGuard(broken, []).catch((error: Error) => error)
      expect((refused as Error).message).to.include('https://127.0.0.1:1/ was not refused')
    })
  })

  describe('to a listed origin', () => {
    async function listed(handler: RequestListener, options: Partial<OutboundOptions> = {}) {
      const origin = `http://app.localhost:${await serve(handler)}`
      const one = outbound({ allow: [origin], resolve: async () => ['127.0.0.1'], ...options })
      return { origin, one, ask: (request?: OutboundRequest) => one.fetch(`${origin}/path?a=b`, request) }
    }

    it('carry method, headers and body, and bring status, headers and body back', async () => {
      const { ask, origin } = await listed(async (req, res) => {
        const chunks: Buffer[] = []
        for await (const chunk of req) chunks.push(chunk as Buffer)
        const { host, 'content-type': type, 'user-agent': agent, 'transfer-encoding': coding } = req.headers
        res.writeHead(201, { 'x-one': ['a', 'b'] })
        res.end(
          JSON.stringify([req.method, req.url, host, type, agent, coding, String(Buffer.concat(chunks))]),
        )
      })
      const body = new URLSearchParams({ logout_token: 'ä' })
      const response = await ask({ method: 'POST', headers: { 'user-agent': '' }, body })
      expect([response.status, response.headers.get('x-one')]).to.deep.equal([201, 'a, b'])
      const seen = (await response.json()) as unknown[]
      const type = 'application/x-www-form-urlencoded'
      expect(seen).to.deep.equal([
        'POST',
        '/path?a=b',
        new URL(origin).host,
        type,
        null,
        null,
        'logout_token=%C3%A4',
      ])
    })

    it('take an empty answer', async () => {
      const { ask } = await listed((_req, res) => res.writeHead(204).end())
      const response = await ask({ method: 'POST' })
      expect([response.status, response.body]).to.deep.equal([204, null])
    })

    it('trust the certificates of the system, for the name that was asked for', async () => {
      const server = createTlsServer(OWN_CERTIFICATE, (_req, res) => res.end('over TLS'))
      servers.push(server)
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as AddressInfo
      const allow = [OWN_CERTIFICATE.name, 'other.localhost'].map((name) => `https://${name}:${port}`)
      const one = outbound({ allow, resolve: async () => ['127.0.0.1'] })
      const ask = (name: string) => one.fetch(`https://${name}:${port}/`)
      expect(await failure(ask(OWN_CERTIFICATE.name)), 'signed by itself').to.equal('unreachable')
      const trusted = getCACertificates('default')
      setDefaultCACertificates([...trusted, OWN_CERTIFICATE.cert])
      try {
        expect(await (await ask(OWN_CERTIFICATE.name)).text()).to.equal('over TLS')
        expect(await failure(ask('other.localhost')), 'for another name').to.equal('unreachable')
      } finally {
        setDefaultCACertificates(trusted)
      }
    })

    it('follow no redirect, to wherever', async () => {
      let hits = 0
      const port = await serve((_req, res) => {
        hits += 1
        res.end('["secret"]')
      })
      const { ask } = await listed((_req, res) =>
        res.writeHead(302, { location: `http://127.0.0.1:${port}/metadata` }).end(),
      )
      const response = await ask()
      expect([response.status, hits]).to.deep.equal([302, 0])
    })

    it('try the next address when nothing listens at the first', async () => {
      const { ask } = await listed((_req, res) => res.end('here'), {
        resolve: async () => ['::1', '127.0.0.1'],
      })
      expect(await (await ask()).text()).to.equal('here')
    })

    it('take 64 KiB and not a byte more', async () => {
      let size = 64 * 1024
      const { ask, one } = await listed((_req, res) => res.end(Buffer.alloc(size, 'x')))
      expect((await (await ask()).arrayBuffer()).byteLength).to.equal(size)
      size += 1
      expect(await failure(ask())).to.equal('too-large')
      expect((await (await ask({ maxBytes: size })).arrayBuffer()).byteLength).to.equal(size)
      expect(one.snapshot().hosts, 'it answered: no failure of the host').to.deep.equal([])
    })

    it('are not bombs: nothing is unpacked', async () => {
      const { ask } = await listed((req, res) => res.end(String(req.headers['accept-encoding'])))
      expect(await (await ask()).text()).to.equal('identity')
    })

    it('have so much time for head and body, drop by drop or not at all', async () => {
      const { ask: silent } = await listed(() => {})
      const { ask: dripping } = await listed((_req, res) => {
        res.writeHead(200).write('x')
        const drops = setInterval(() => res.write('x'), 20)
        res.on('close', () => clearInterval(drops))
      })
      const nameless = outbound({ resolve: () => new Promise(() => {}) })
      for (const ask of [
        silent,
        dripping,
        () => nameless.fetch('https://a.example.org/', { timeoutMs: 150 }),
      ]) {
        const begun = performance.now()
        expect(await failure(ask({ timeoutMs: 150 }))).to.equal('too-slow')
        expect(performance.now() - begun).to.be.within(140, 1000)
      }
    })

    it('end when the host answers that it speaks another protocol from now on', async () => {
      const { ask, one } = await listed((_req, res) => {
        res.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n')
      })
      const late = new Promise((resolve) => setTimeout(resolve, 1000, 'never'))
      expect(await Promise.race([failure(ask({ timeoutMs: 300 })), late])).to.equal('unreachable')
      expect(one.snapshot().hosts.length, 'and it counts').to.equal(1)
    })

    it('end when the caller says so, which is no failure of the host', async () => {
      const { ask, one } = await listed(() => {})
      const caller = new AbortController()
      setTimeout(() => caller.abort(), 30)
      expect(await failure(ask({ signal: caller.signal }))).to.equal('given-up')
      expect(await failure(ask({ signal: AbortSignal.abort() }))).to.equal('given-up')
      expect(one.snapshot().hosts).to.deep.equal([])
      expect(await failure(ask({ signal: AbortSignal.timeout(30) })), 'the engine’s limit').to.equal(
        'too-slow',
      )
      expect(one.snapshot().hosts.length).to.equal(1)
    })
  })

  describe('to a host that keeps failing', () => {
    let now = 0
    let status = 500
    let hits = 0
    let paused: string[] = []
    beforeEach(() => {
      now = 0
      status = 500
      hits = 0
      paused = []
    })

    async function failing() {
      const port = await serve((_req, res) => {
        hits += 1
        if (status === 0) res.destroy()
        else res.writeHead(status).end()
      })
      const origin = `http://app.localhost:${port}`
      const one = outbound({
        allow: [origin],
        resolve: async () => ['127.0.0.1'],
        now: () => now,
        onPaused: (host) => paused.push(host),
      })
      const ask = async () =>
        (await one.fetch(origin).catch((error: OutboundError) => error.failure)) as unknown
      const times = async (count: number) => {
        for (let index = 0; index < count; index += 1) await ask()
      }
      return { one, ask, times, origin, host: `${new URL(origin).host}/` }
    }
    const stateOf = (one: Outbound) => one.snapshot().hosts[0]?.state

    it('pause for 30 s after 5 failures in 60 s, broken answers and 5xx alike', async () => {
      const { one, ask, times, host } = await failing()
      await times(2)
      status = 0
      await times(2)
      expect([stateOf(one), hits]).to.deep.equal(['closed', 4])
      await times(1)
      expect(await ask()).to.equal('paused')
      expect(hits).to.equal(5)
      expect(one.snapshot()).to.deep.equal({ open: 1, halfOpen: 0, hosts: [{ host, state: 'open' }] })
      expect(paused, 'the log is told once').to.deep.equal([host])
    })

    it('are left alone where they fail: others of its addresses are somebody else’s', async () => {
      const { one, ask, times, origin } = await failing()
      await times(5)
      expect(await ask()).to.equal('paused')
      status = 200
      expect((await one.fetch(`${origin}/another`)).status).to.equal(200)
      expect(await failure(one.fetch(`${origin}/?other`)), 'the same place').to.equal('paused')
    })

    it('then let one through: it ends the pause, or begins the next', async () => {
      const { one, ask, times } = await failing()
      await times(5)
      now += 30_000
      expect(one.snapshot().halfOpen).to.equal(1)
      await Promise.all([ask(), ask(), ask()])
      expect([hits, stateOf(one)]).to.deep.equal([6, 'open'])
      now += 30_000
      status = 200
      const answers = await Promise.all([ask(), ask(), ask()])
      expect(answers.filter((answer) => answer === 'paused').length).to.equal(2)
      expect([hits, stateOf(one)]).to.deep.equal([7, 'closed'])
      expect(((await ask()) as Response).status).to.equal(200)
    })

    it('forget what was a minute ago, and count no answer of the app below 500', async () => {
      const { one, times } = await failing()
      await times(4)
      now += 60_001
      await times(4)
      status = 404
      await times(10)
      expect(stateOf(one)).to.equal('closed')
    })

    it('leave the pause to a try that says something about the host', async () => {
      const addresses = ['127.0.0.1']
      const { port } = new URL('http://app.localhost:1')
      const one = outbound({
        resolve: async () => addresses,
        denies: () => addresses[0] === '10.0.0.1',
        now: () => now,
      })
      const ask = () => failure(one.fetch(`https://app.localhost:${port}/`))
      for (let count = 0; count < 5; count += 1) expect(await ask()).to.equal('unreachable')
      now += 30_000
      addresses[0] = '10.0.0.1'
      expect([await ask(), await ask()]).to.deep.equal(['refused', 'refused'])
      addresses[0] = '127.0.0.1'
      expect(await ask()).to.equal('unreachable')
      expect(await ask()).to.equal('paused')
    })

    it('are no reason to leave others alone, and a thousand of them at most are remembered', async () => {
      const one = outbound({ resolve: async () => [], now: () => now })
      for (let count = 0; count < 1100; count += 1)
        expect(await failure(one.fetch(`https://app-${count}.example.org/`))).to.equal('unreachable')
      const { hosts } = one.snapshot()
      expect(hosts.length).to.equal(1000)
      expect(hosts[0]?.host).to.equal('app-100.example.org/')
    })
  })
})
