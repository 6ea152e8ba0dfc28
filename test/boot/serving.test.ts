/** A process as its operator sees it: how it ends, what it writes, whom it believes. */
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { ChildApp } from '../support/child-app.ts'
import { sendRaw } from '../support/raw-http.ts'
import { startPostgres } from '../support/services.ts'

interface Answer {
  status: number
  connection: string | undefined
  text: string
}

function answerOver(agent: Agent, app: ChildApp, path: string): Promise<Answer> {
  const headers = { host: `localhost:${app.port}`, accept: 'text/html' }
  return new Promise((resolve, reject) => {
    request(app.origin + path, { agent, headers }, (incoming) => {
      let text = ''
      incoming.on('data', (chunk) => {
        text += chunk
      })
      incoming.once('end', () =>
        resolve({ status: incoming.statusCode ?? 0, connection: incoming.headers.connection, text }),
      )
    })
      .once('error', reject)
      .end()
  })
}

const CHEAP = { ARGON2_MEMORY_KIB: '19456' }
const BODY = JSON.stringify({ password: 'a calm keeper of the door' })

describe('a process that serves', function () {
  this.timeout(90_000)
  const undo: (() => unknown)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function start(settings: Record<string, string> = {}): Promise<ChildApp> {
    const app = await ChildApp.start({ ...CHEAP, ...settings })
    undo.push(() => app.dispose())
    return app
  }

  /** A request whose body is still coming: headers and half of it are sent. */
  async function half(app: ChildApp): Promise<{ socket: Socket; answer: Promise<string>; finish(): void }> {
    const socket = connect(app.port, '127.0.0.1')
    undo.push(() => socket.destroy())
    let text = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk) => {
      text += chunk
    })
    socket.on('error', () => {})
    const answer = new Promise<string>((resolve) => socket.once('close', () => resolve(text)))
    await new Promise<void>((resolve) => socket.once('connect', resolve))
    const head = [
      'POST /password-hint HTTP/1.1',
      `Host: localhost:${app.port}`,
      'Content-Type: application/json',
      `Content-Length: ${BODY.length}`,
    ]
    socket.write(`${head.join('\r\n')}\r\n\r\n${BODY.slice(0, 10)}`)
    await sleep(300)
    return { socket, answer, finish: () => void socket.write(BODY.slice(10)) }
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}: finishes what was begun, takes nothing new, ends with code 0`, async () => {
      const app = await start()
      const { answer, finish } = await half(app)
      const idle = connect(app.port, '127.0.0.1')
      idle.on('error', () => {})
      const idleClosed = new Promise<void>((resolve) => idle.once('close', () => resolve()))
      await sleep(100)
      app.signal(signal)
      await app.until('it stops', () => app.lines.some(({ msg }) => /^stopping/.test(String(msg))))
      await idleClosed
      const refused = await sendRaw(app.origin, { target: '/health/live' }).then(
        () => 'answered',
        (error: NodeJS.ErrnoException) => error.code,
      )
      expect(refused, 'a new connection').to.equal('ECONNREFUSED')
      await sleep(500)
      finish()
      expect(await answer)
        .to.match(/^HTTP\/1\.1 200 OK/)
        .and.match(/\r\nConnection: close\r\n/i)
        .and.include('"ok":true')
      expect(await app.exited()).to.equal(0)
      expect(app.lines.at(-1)?.msg).to.equal('stopped')
    })
  }

  it('does not wait for ever: what is not done in time is cut off', async () => {
    const app = await start({ DRAIN_SECONDS: '1' })
    const { answer } = await half(app)
    const before = performance.now()
    app.signal('SIGTERM')
    expect(await app.exited()).to.equal(0)
    expect(performance.now() - before).to.be.within(900, 15_000)
    expect(await answer).to.equal('')
  })

  it('does not wait for ever for a database either', async () => {
    const postgres = await startPostgres()
    undo.push(() => postgres.stop())
    const app = await start({ DRAIN_SECONDS: '1', DATABASE_URL: postgres.url })
    postgres.service.pause()
    undo.push(() => postgres.service.resume())
    const headers = { host: `localhost:${app.port}`, accept: 'text/html' }
    void sendRaw(app.origin, { target: '/mailbox', headers }).catch(() => {})
    await sleep(200)
    const before = performance.now()
    app.signal('SIGTERM')
    await app.exited()
    expect(performance.now() - before).to.be.below(30_000)
  })

  it('a signal that comes twice at once, as from a terminal and from npm, neither hurries nor breaks the stop', async () => {
    const app = await start()
    const { answer, finish } = await half(app)
    app.signal('SIGTERM')
    await app.until('it stops', () => app.lines.some(({ msg }) => /^stopping/.test(String(msg))))
    app.signal('SIGTERM')
    app.signal('SIGINT')
    await sleep(200)
    finish()
    expect(await answer).to.match(/^HTTP\/1\.1 200 OK/)
    expect(await app.exited()).to.equal(0)
  })

  it('a second signal later on means at once', async () => {
    const app = await start({ DRAIN_DELAY_SECONDS: '30' })
    const { answer } = await half(app)
    app.signal('SIGTERM')
    await sleep(1500)
    const before = performance.now()
    app.signal('SIGINT')
    expect(await app.exited()).to.equal(1)
    expect(performance.now() - before).to.be.below(5000)
    expect(await answer).to.equal('')
  })

  it('says that it leaves before it leaves: not ready, still serving, each answer the last of its connection', async () => {
    const app = await start({ DRAIN_DELAY_SECONDS: '3' })
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    undo.push(() => agent.destroy())
    const ask = (path: string) => answerOver(agent, app, path)
    expect((await ask('/health/ready')).status).to.equal(200)
    expect((await ask('/jwks')).connection, 'kept').to.not.equal('close')
    app.signal('SIGTERM')
    const began = performance.now()
    await app.until('it is not ready', async () => (await ask('/health/ready')).status === 503)
    expect(performance.now() - began).to.be.below(1500)
    expect(await ask('/health/ready')).to.include({ text: '{"status":"stopping"}', connection: 'close' })
    expect(JSON.parse((await ask('/health')).text)).to.include({ accepting: false })
    // pages of errors are written by somebody who throws earlier headers away
    for (const [path, status] of [
      ['/.well-known/openid-configuration', 200],
      ['/jwks', 200],
      ['/forgot-password', 200],
      ['/nothing', 404],
      ['/auth', 400],
    ] as const)
      expect(await ask(path), path).to.include({ status, connection: 'close' })
    expect(await app.exited()).to.equal(0)
    expect(performance.now() - began).to.be.within(2900, 20_000)
  })

  it('cuts off whoever sends headers or a body too slowly', async () => {
    const app = await start()
    const lazy = connect(app.port, '127.0.0.1')
    undo.push(() => lazy.destroy())
    let said = ''
    lazy.on('data', (chunk) => {
      said += chunk
    })
    lazy.on('error', () => {})
    const before = performance.now()
    lazy.write('GET / HTTP/1.1\r\nHost: localhost\r\nX-Drip: ')
    const drip = setInterval(() => lazy.write('x'), 500)
    undo.push(() => clearInterval(drip))
    await new Promise<void>((resolve) => lazy.once('close', () => resolve()))
    expect(performance.now() - before).to.be.below(25_000)
    if (said !== '') expect(said).to.match(/^HTTP\/1\.1 408 /)
    expect((await sendRaw(app.origin, { target: '/health/live' })).status).to.equal(200)
  })

  it('writes one JSON object a line, each of a request with the id the client was told', async () => {
    const app = await start()
    const headers = { host: `localhost:${app.port}`, accept: 'text/html' }
    const answers = await Promise.all(
      ['/', '/nothing', '/auth', '/forgot-password', '/jwks'].map((target) =>
        sendRaw(app.origin, { target, headers }),
      ),
    )
    await sleep(200)
    const logged = app.stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith(' '))
    for (const line of logged) expect(() => JSON.parse(line), line).to.not.throw()
    for (const line of app.lines) {
      expect(line).to.include.keys('level', 'time', 'service', 'msg')
      expect(new Date(String(line.time)).getTime()).to.be.closeTo(Date.now(), 120_000)
    }
    const ids = answers.map(({ headers: got }) => got['x-request-id'])
    expect(new Set(ids).size).to.equal(answers.length)
    for (const id of ids)
      expect(app.lines.filter(({ requestId, msg }) => requestId === id && msg === 'request')).to.have.length(
        1,
      )
  })

  it('says nothing when it is told to be silent, and more when asked for more', async () => {
    const silent = new ChildApp({ ...CHEAP, LOG_LEVEL: 'silent', PORT: '45993', SAMPLES_PORT: '45992' })
    undo.push(() => silent.dispose())
    await silent.until('it serves', async () =>
      sendRaw(silent.origin, { target: '/health/ready' }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
    expect(silent.lines).to.deep.equal([])
    const chatty = await start({ LOG_LEVEL: 'debug' })
    await sendRaw(chatty.origin, { target: '/health/live' })
    await chatty.until('probes are logged', () => chatty.lines.some(({ path }) => path === '/health/live'))
  })

  it('believes forwarded headers and request ids from a trusted proxy only', async () => {
    const given = 'from-the-proxy-1234'
    const headers = {
      'x-request-id': given,
      'x-forwarded-for': '203.0.113.5, 198.51.100.9',
      accept: 'text/html',
    }
    const lineOf = async (app: ChildApp, more: Record<string, string> = {}) => {
      const seen = app.lines.length
      const request = { headers: { host: `localhost:${app.port}`, ...headers, ...more } }
      const answer = await sendRaw(app.origin, request)
      const isNew = (index: number) => index >= seen
      await app.until('it is logged', () =>
        app.lines.some(({ msg }, index) => isNew(index) && msg === 'request'),
      )
      const line = app.lines.findLast(({ msg }) => msg === 'request')
      expect(line?.requestId).to.equal(answer.headers['x-request-id'])
      return line
    }
    const alone = await start()
    const unknown = await lineOf(alone)
    expect(unknown?.ip).to.equal('127.0.0.1')
    expect(unknown?.requestId).to.not.equal(given)

    const behind = await start({ TRUSTED_PROXIES: '127.0.0.1, 198.51.100.0/24' })
    expect(await lineOf(behind)).to.include({ ip: '203.0.113.5', requestId: given })
    expect(
      (await lineOf(behind, { 'x-forwarded-for': '192.0.2.1, 203.0.113.5' }))?.ip,
      'the right-most stranger',
    ).to.equal('203.0.113.5')
    for (const [entry, ip] of [
      ['203.0.113.5:51234', '203.0.113.5'],
      ['[2001:db8::7]:51234', '2001:db8::7'],
      ['[2001:db8::7]', '2001:db8::7'],
      ['2001:db8::7', '2001:db8::7'],
      ['203.0.113.5, 198.51.100.9:443', '203.0.113.5'],
    ] as const)
      expect((await lineOf(behind, { 'x-forwarded-for': entry }))?.ip, entry).to.equal(ip)
    expect((await lineOf(behind, { 'x-forwarded-for': 'nonsense' }))?.ip).to.equal('127.0.0.1')
    for (const bad of ['short', 'with spaces in it', 'x'.repeat(65), '{"msg":"forged"}'])
      expect((await lineOf(behind, { 'x-request-id': bad }))?.requestId).to.not.equal(bad)
  })
})
