/** Redis goes away: what must be counted is refused for now (fail closed), the rest goes on; it returns by itself. */

import { expect } from 'chai'
import { Redis } from 'ioredis'
import { expectArmour, expectNoInsides } from '../support/answer-rules.ts'
import { sendForm, sendRaw } from '../support/raw-http.ts'
import { type RunningService, startRedis } from '../support/services.ts'
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

describe('Redis goes away', function () {
  this.timeout(120_000)
  let redis: RunningService
  let product: InFlight
  let origin: string

  before(async () => {
    redis = await startRedis()
    product = await startInFlight({ REDIS_URL: redis.url })
    origin = product.running.issuer
  })
  after(async () => {
    await product?.running.close()
    await redis?.stop()
  })

  afterEach(async () => {
    redis.service.resume()
    await redis.service.start()
  })

  const health = async () => JSON.parse((await sendRaw(origin, { target: '/health' })).text)

  for (const fault of ['kill', 'pause'] as const) {
    it(`${fault}: no sign-in, registration or reset gets past the limits; tokens go on; then it recovers`, async () => {
      const { agent, page } = await signInForm(product)
      const cookie = agent.cookieHeader(page.url)
      const csrf = String(page.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1])
      const path = new URL(page.url).pathname
      const forgot = await agent.get(`${origin}/forgot-password`)
      const forgotCsrf = String(forgot.forms[0]?.fields.find(([name]) => name === '_csrf')?.[1])
      const { code, started } = await codeInHand(product)
      await redis.service[fault]()
      await eventually('it is noticed', async () => (await health()).checks.redis.state === 'down')

      const right = `_csrf=${csrf}&identifier=jane%40example.org&password=a+calm+keeper+of+the+door`
      const posts: [string, string][] = [
        [`${path}/sign-in`, right],
        [`${path}/sign-in`, right.replace('calm', 'wrong')],
        [`${path}/register`, `_csrf=${csrf}&email=new%40example.org&password=a+calm+keeper+of+the+door`],
        ['/forgot-password', `_csrf=${forgotCsrf}&email=jane%40example.org`],
      ]
      for (const [target, body] of posts) {
        const before = performance.now()
        const answer = await sendForm(origin, target, body, {
          ...HTML,
          cookie: agent.cookieHeader(origin + target),
        })
        expect(answer.status, `${target}: ${answer.text.slice(0, 200)}`).to.equal(503)
        expect(Number(answer.headers['retry-after']), target).to.be.within(1, 60)
        expect(answer.headers.location, target).to.equal(undefined)
        expect(answer.headers['set-cookie'] ?? '', target).to.not.match(/session=[^;]/)
        expect(performance.now() - before, `${target}: milliseconds`).to.be.below(10_000)
        expectNoInsides(answer, target)
        expectArmour(answer, target)
      }
      const shown = await sendRaw(origin, { target: path, headers: { ...HTML, cookie } })
      expect(shown.status).to.equal(503)

      const exchanged = await sendForm(origin, '/token', exchangeForm(code, started), {
        authorization: BASIC,
      })
      expect(exchanged.status, `tokens need no Redis: ${exchanged.text}`).to.equal(200)
      expect(
        new URL((await codeInHand(product)).url).searchParams.has('code'),
        'nor does a session',
      ).to.equal(true)
      expect(await health()).to.deep.include({ status: 'degraded' })
      expect((await sendRaw(origin, { target: '/health/ready' })).status).to.equal(200)

      if (fault === 'pause') redis.service.resume()
      else await redis.service.start()
      const waited = await eventually(
        'it is used again',
        async () => (await health()).checks.redis.state === 'up',
      )
      expect(waited, 'milliseconds to recover').to.be.below(15_000)
      const end = await signInWith(agent, await agent.get(page.url))
      expect(end.url, 'the same sign-in, from its page').to.include('code=')
    })
  }

  it('forgets everything: who is signed in stays, who is in the middle begins that step again', async () => {
    const { agent, page } = await signInForm(product)
    const admin = new Redis(redis.url)
    await admin.flushall()
    admin.disconnect()
    expect(new URL((await codeInHand(product)).url).searchParams.has('code')).to.equal(true)
    expect((await signInWith(agent, page)).url).to.include('code=')
  })

  it('refuses to be written to (full, or a replica): the same as away', async () => {
    const { agent, page } = await signInForm(product)
    const admin = new Redis(redis.url)
    await admin.config('SET', 'maxmemory', '1')
    try {
      const answer = await signInWith(agent, page)
      expect(answer.status).to.equal(503)
    } finally {
      await admin.config('SET', 'maxmemory', '0')
      admin.disconnect()
    }
    expect((await signInWith(agent, page)).url).to.include('code=')
  })
})
