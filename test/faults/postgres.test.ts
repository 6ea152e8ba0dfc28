/** Postgres goes away under the running product, by crash, by shutdown, by hanging: 503 for now, then on without restart. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import * as client from 'openid-client'
import { expectArmour, expectNoInsides } from '../support/answer-rules.ts'
import { sendForm, sendRaw } from '../support/raw-http.ts'
import { CALLBACK } from '../support/relying-party.ts'
import { type RunningService, startPostgres, startRedis } from '../support/services.ts'
import {
  BASIC,
  codeInHand,
  eventually,
  exchangeForm,
  type InFlight,
  signInForm,
  signInWith,
  startInFlight,
} from './steps.ts'

const HTML = { accept: 'text/html' }

describe('Postgres goes away', function () {
  this.timeout(120_000)
  let postgres: RunningService
  let redis: RunningService
  let product: InFlight
  let origin: string

  before(async () => {
    ;[postgres, redis] = await Promise.all([startPostgres(), startRedis()])
    product = await startInFlight({ DATABASE_URL: postgres.url, REDIS_URL: redis.url })
    origin = product.running.issuer
  })
  after(async () => {
    await postgres?.service.start()
    await product?.running.close()
    await Promise.all([postgres?.stop(), redis?.stop()])
  })
  afterEach(async () => {
    postgres.service.resume()
    await postgres.service.start()
    await eventually('ready', async () => (await ready()) === 200)
  })

  const ready = async () => (await sendRaw(origin, { target: '/health/ready' })).status
  const token = (body: string) => sendForm(origin, '/token', body, { authorization: BASIC })

  it('answers 503 with a wait everywhere a store is needed, and goes on serving what needs none', async () => {
    const { agent, page } = await signInForm(product)
    const { code, started } = await codeInHand(product)
    const cookie = agent.cookieHeader(page.url)
    const access = product.tokens.access_token
    await postgres.service.kill()

    const query = new URLSearchParams({
      client_id: 'web',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'openid',
      state: 'the-state',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    }).toString()
    const csrf = String(page.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1])
    const path = new URL(page.url).pathname
    const pages: [string, Promise<Awaited<ReturnType<typeof sendRaw>>>][] = [
      ['the sign-in page', sendRaw(origin, { target: path, headers: { ...HTML, cookie } })],
      [
        'the sign-in',
        sendForm(origin, `${path}/sign-in`, `_csrf=${csrf}&identifier=jane@example.org&password=x`, {
          ...HTML,
          cookie,
        }),
      ],
      [
        'a registration',
        sendForm(origin, `${path}/register`, `_csrf=${csrf}&email=a@example.org&password=the calm keeper`, {
          ...HTML,
          cookie,
        }),
      ],
      ['an authorization request', sendRaw(origin, { target: `/auth?${query}`, headers: HTML })],
      ['the mailbox', sendRaw(origin, { target: '/mailbox', headers: HTML })],
      ['the link of a mail', sendRaw(origin, { target: `/setup/${'x'.repeat(32)}`, headers: HTML })],
    ]
    for (const [what, sent] of pages) {
      const answer = await sent
      expect(answer.status, `${what}: ${answer.text.slice(0, 200)}`).to.equal(503)
      expect(Number(answer.headers['retry-after']), what).to.be.within(1, 60)
      expect(answer.headers['content-type'], what).to.include('text/html')
      expect(answer.headers['set-cookie'] ?? '', what).to.not.match(/session=[^;]/)
      expectNoInsides(answer, what)
      expectArmour(answer, what)
    }
    const endpoints: [string, Promise<Awaited<ReturnType<typeof sendRaw>>>][] = [
      ['code', token(exchangeForm(code, started))],
      ['refresh', token(`grant_type=refresh_token&refresh_token=${product.tokens.refresh_token}`)],
      ['introspect', sendForm(origin, '/introspect', `token=${access}`, { authorization: BASIC })],
      ['revoke', sendForm(origin, '/revoke', `token=${access}`, { authorization: BASIC })],
      ['userinfo', sendRaw(origin, { target: '/userinfo', headers: { authorization: `Bearer ${access}` } })],
      ['par', sendForm(origin, '/par', query, { authorization: BASIC })],
      ['device', sendForm(origin, '/device/auth', 'scope=openid', { authorization: BASIC })],
      [
        'unknown client',
        sendForm(origin, '/token', 'grant_type=client_credentials&client_id=x&client_secret=y'),
      ],
    ]
    for (const [what, sent] of endpoints) {
      const answer = await sent
      expect(answer.status, `${what}: ${answer.text}`).to.equal(503)
      expect(JSON.parse(answer.text).error, what).to.equal('temporarily_unavailable')
      expect(Number(answer.headers['retry-after']), what).to.be.within(1, 60)
      expectNoInsides(answer, what)
    }
    for (const target of [
      '/.well-known/openid-configuration',
      '/jwks',
      '/health/live',
      '/assets/ostiary.css',
      '/forgot-password',
    ])
      expect((await sendRaw(origin, { target, headers: HTML })).status, target).to.equal(200)
    const health = await sendRaw(origin, { target: '/health' })
    expect(health.status).to.equal(200)
    expect(JSON.parse(health.text)).to.deep.include({ status: 'down', accepting: true })
    expect(JSON.parse(health.text).checks.database.state).to.equal('down')
    expect(health.text).to.not.include(String(postgres.service.port))
    expect(await ready()).to.equal(503)

    await postgres.service.start()
    const waited = await eventually('ready again', async () => (await ready()) === 200)
    expect(waited, 'milliseconds to recover').to.be.below(15_000)
    const late = await token(exchangeForm(code, started))
    expect(late.status, `the code was not burnt by the outage: ${late.text}`).to.equal(200)
    const end = await signInWith(agent, page)
    expect(end.url, 'the sign-in goes on where it was').to.include('code=')
    const fresh = await client.refreshTokenGrant(product.rp, String(product.tokens.refresh_token))
    expect(fresh.access_token).to.be.a('string')
    expect(
      new URL((await codeInHand(product)).url).searchParams.has('code'),
      'the session is still there',
    ).to.equal(true)
  })

  it('answers prompt=none with 503 as well: whose app it is cannot be looked up', async () => {
    await postgres.service.end()
    const cookie = product.agent.cookieHeader(`${origin}/auth`)
    const answer = await sendRaw(origin, {
      target: '/auth?client_id=web&prompt=none',
      headers: { ...HTML, cookie },
    })
    expect(answer.status).to.equal(503)
    expectNoInsides(answer, 'prompt=none')
  })

  it('in the middle of traffic: every answer is right, or 503; never another failure, never a wrong refusal', async () => {
    const statuses = new Map<string, number>()
    const count = (what: string, status: number) =>
      statuses.set(`${what} ${status}`, (statuses.get(`${what} ${status}`) ?? 0) + 1)
    let going = true
    const workers = [
      async () =>
        count(
          'userinfo',
          (
            await sendRaw(origin, {
              target: '/userinfo',
              headers: { authorization: `Bearer ${product.tokens.access_token}` },
            })
          ).status,
        ),
      async () => count('jwks', (await sendRaw(origin, { target: '/jwks' })).status),
      async () =>
        count(
          'introspect',
          (
            await sendForm(origin, '/introspect', `token=${product.tokens.access_token}`, {
              authorization: BASIC,
            })
          ).status,
        ),
    ].map(async (work) => {
      while (going) {
        await work()
        await sleep(5)
      }
    })
    for (const fault of ['kill', 'end'] as const) {
      await sleep(500)
      await postgres.service[fault]()
      await sleep(700)
      await postgres.service.start()
      await eventually('ready', async () => (await ready()) === 200)
    }
    await sleep(500)
    going = false
    await Promise.all(workers)
    const kinds = [...statuses.keys()].sort()
    expect(
      kinds.filter((kind) => !/ (200|503)$/.test(kind)),
      JSON.stringify([...statuses]),
    ).to.deep.equal([])
    expect(kinds).to.include.members(['userinfo 200', 'introspect 200', 'jwks 200', 'userinfo 503'])
    expect(kinds).to.not.include('jwks 503')
  })

  it('hangs: nobody waits for ever, probes answer, and what waited is served or told to come back', async () => {
    postgres.service.pause()
    const before = performance.now()
    const [health, live, userinfo] = await Promise.all([
      sendRaw(origin, { target: '/health/ready' }),
      sendRaw(origin, { target: '/health/live' }),
      sendRaw(origin, {
        target: '/userinfo',
        headers: { authorization: `Bearer ${product.tokens.access_token}` },
      }),
    ])
    expect([health.status, live.status, userinfo.status]).to.deep.equal([503, 200, 503])
    expect(performance.now() - before).to.be.below(15_000)
    postgres.service.resume()
    await eventually('ready', async () => (await ready()) === 200)
  })

  it('leaves a log that tells what happened once, without addresses of people or secrets', () => {
    const lines = product.running.logs.map((line) => JSON.stringify(line))
    expect(
      lines.some((line) => /ECONNREFUSED|57P0|terminated|shut(ting)? down/i.test(line)),
      'the reason',
    ).to.equal(true)
    for (const secret of [
      'the calm keeper',
      product.tokens.access_token,
      String(product.tokens.refresh_token),
      BASIC.slice(6),
    ])
      expect(lines.filter((line) => line.includes(secret))).to.deep.equal([])
  })
})
