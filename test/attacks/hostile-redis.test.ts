/**
 * Somebody reads and writes Redis (no password, a neighbour's application, a stolen one) and has an account of his own.
 * He sees every value that is put there, while it is there.
 */
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { createPerson } from '../support/people.ts'
import { newAgent } from '../support/protocol.ts'
import { begin, CALLBACK, discover, PASSWORD, walk, webClient } from '../support/relying-party.ts'
import { type RunningApp, startApp } from '../support/start-app.ts'
import type { Page } from '../support/user-agent.ts'

const JANE = 'jane@example.org'
const MALLORY = 'mallory@example.org'

describe('a hostile Redis', function () {
  this.timeout(60_000)
  let app: RunningApp
  let redis: Redis
  before(async () => {
    app = await startApp({ stack: 'postgres+redis', overrides: { clients: [webClient()] } })
    for (const email of [JANE, MALLORY]) await createPerson(app, { email })
    redis = new Redis(String(app.secrets.redisUrl))
  })
  after(async () => {
    redis?.disconnect()
    await app?.close()
  })

  const keyOf = (page: Page) => `ostiary:sign-in:${/\/interaction\/([\w-]+)/.exec(page.url)?.[1]}`

  async function atTheForm() {
    const agent = newAgent()
    const started = await begin(await discover(app.issuer))
    return { agent, page: await agent.get(started.url.href) }
  }

  /** Jane signs in, and whatever is put into Redis meanwhile is written down. */
  async function overhear(): Promise<{ key: string; value: string }[]> {
    const heard: { key: string; value: string }[] = []
    const monitor = await redis.monitor()
    monitor.on('monitor', (_time: string, [command, key, value]: string[]) => {
      if (/^set$/i.test(command ?? '') && key && value) heard.push({ key, value })
    })
    const started = await begin(await discover(app.issuer))
    const { url } = await walk(newAgent(), started.url, { email: JANE })
    expect(url).to.contain('code=')
    await redis.ping()
    monitor.disconnect()
    return heard
  }

  it('learns nothing about people, and signs nobody in as somebody else', async () => {
    const heard = await overhear()
    const progress = heard.filter(({ key }) => key.startsWith('ostiary:sign-in:'))
    expect(progress, 'there is something to steal').to.not.be.empty
    expect(JSON.stringify(heard)).to.not.match(/usr_|example\.org|pwd/)
    for (const { value } of progress) {
      const { agent, page } = await atTheForm()
      await redis.set(keyOf(page), value, 'EX', 600)
      let moved = await agent.get(page.url)
      if (moved.forms.some(({ action }) => action.endsWith('/consent')))
        moved = await agent.submit(moved, {}, '/consent')
      expect(moved.url, 'as far as the form, not to the app').to.equal(page.url)
      expect(moved.text).to.not.contain(JANE)
    }
  })

  it('gets no sign-in to fail with what it makes up: the step begins anew', async () => {
    const madeUp = ['', 'garbage', '{', 'null', '[]', '"x"', 'AAAA', '\u0000\u00ff'.repeat(50)]
    for (const value of madeUp) {
      const { agent, page } = await atTheForm()
      await redis.set(keyOf(page), value, 'EX', 600)
      const again = await agent.get(page.url)
      expect(again.status, JSON.stringify(value)).to.equal(200)
      const after = await agent.submit(again, { identifier: MALLORY, password: PASSWORD }, '/sign-in')
      const end = after.url.startsWith(CALLBACK) ? after : await agent.submit(after, {}, '/consent')
      expect(end.url, JSON.stringify(value)).to.contain('code=')
    }
  })
})
