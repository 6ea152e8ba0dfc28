/** Soft state with Redis in front: what is where, and what becomes of it while Redis is flushed, cut off or slow. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { Redis } from 'ioredis'
import { connectRedis, type RedisConnection } from '../../src/storage/redis/connect.ts'
import { RedisEphemeral } from '../../src/storage/redis/ephemeral.ts'
import { Guard } from '../../src/storage/redis/guard.ts'
import { RedisValues } from '../../src/storage/redis/values.ts'
import { type SqlInstance, sqlBackends } from '../support/backends.ts'
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts'
import { startRedisCluster, startSentinels } from '../support/redis-cluster.ts'
import { token } from '../support/samples.ts'
import { type RunningService, startRedis } from '../support/services.ts'

const PAUSE_MS = 400

describe('Redis in front of Postgres', function () {
  this.timeout(120_000)
  let sql: SqlInstance & { dispose(): Promise<void> }
  before(async () => {
    sql = await sqlBackends.find(({ name }) => name === 'postgres')!.fresh()
  })
  after(() => sql?.dispose())

  /** As one process has it; its pauses are shorter. */
  async function node(url: string) {
    const redis = await connectRedis({ url, onError: () => {} })
    const opened: Error[] = []
    const guard = new Guard((error) => opened.push(error), { firstPauseMs: PAUSE_MS, lastPauseMs: PAUSE_MS })
    const values = new RedisValues(redis.client, '')
    return { redis, guard, values, opened, soft: new RedisEphemeral({ values, guard, rows: sql.ephemeral }) }
  }
  type Node = Awaited<ReturnType<typeof node>>

  const FORMS: [string, () => Promise<{ url: string; stop(): Promise<void> }>][] = [
    ['one server', startRedis],
    ['Sentinels', startSentinels],
    ['a Cluster', startRedisCluster],
  ]
  for (const [form, start] of FORMS) {
    it(`keeps values in Redis, and in the database what must outlive it (${form})`, async () => {
      const set = await start()
      const { redis, guard, soft, values } = await node(set.url)
      try {
        for (let index = 0; index < 40; index += 1) {
          const key = token('k-')
          await soft.put(key, 'v', 60)
          expect(await sql.ephemeral.get(key), 'not in the database').to.equal(undefined)
          expect(await values.get(key)).to.equal('v')
          expect([await soft.take(key), await soft.take(key)]).to.deep.equal(['v', undefined])
          await soft.increment(key, 60)
          await soft.putOnce(`${key}-once`, '1', 60)
          expect([await values.get(key), await values.get(`${key}-once`)]).to.deep.equal([
            undefined,
            undefined,
          ])
        }
        expect(guard.state).to.equal('closed')
      } finally {
        redis.close()
        await set.stop()
      }
    })
  }

  describe('with a Redis that fails', () => {
    let server: RunningService
    let cable: FaultProxy
    let one: Node
    before(async () => {
      server = await startRedis()
      cable = await startFaultProxy(server.url)
    })
    after(async () => {
      await cable?.close()
      await server?.stop()
    })
    beforeEach(async () => {
      one = await node(cable.url)
    })
    afterEach(async () => {
      cable.delayMs = 0
      cable.stalled = false
      server.service.resume()
      await server.service.start()
      one.redis.close()
    })
    const usedAgain = async ({ guard, values }: Node) => {
      for (let tries = 0; tries < 100; tries += 1) {
        const { answered } = await guard.call(() => values.get('k'))
        if (answered && guard.state === 'closed') return
        await sleep(100)
      }
      throw new Error('Redis was not used again within ten seconds')
    }
    const open = async ({ guard, soft }: Node) => {
      for (let tries = 0; tries < 5; tries += 1) await soft.get(token())
      expect(guard.state).to.equal('open')
    }

    it('forgets no count and no first time when it is flushed', async () => {
      const [name, key] = [token(), token()]
      for (let times = 0; times < 10; times += 1) await one.soft.increment(name, 60)
      expect(await one.soft.putOnce(key, '1', 60)).to.equal(true)
      await one.soft.put(token(), 'lost', 60)
      const admin = new Redis(server.url)
      await admin.flushall()
      admin.disconnect()
      expect((await one.soft.increment(name, 60)).count).to.equal(11)
      expect(await one.soft.putOnce(key, '1', 60)).to.equal(false)
    })

    it('finds what was put while it was away, once, and what was put before', async () => {
      const [before, during] = [token('before-'), token('during-')]
      await one.soft.put(before, 'b', 60)
      cable.stalled = true
      cable.reset()
      await sleep(20)
      await one.soft.put(during, 'd', 60)
      await one.soft.put(token('taken-'), 't', 60)
      expect(await one.soft.get(during)).to.equal('d')
      expect(await one.soft.take(before), 'try again').to.equal(undefined)
      cable.stalled = false
      cable.reset()
      await usedAgain(one)
      const taken = await Promise.all(
        Array.from({ length: 16 }, (_, n) => one.soft.take(n % 2 === 0 ? before : during)),
      )
      expect(taken.filter((value) => value !== undefined).sort()).to.deep.equal(['b', 'd'])
    })

    for (const fault of ['slow by two seconds', 'silent'] as const) {
      it(`costs 50 ms a call, five times, and then nothing (${fault})`, async () => {
        const key = token()
        await one.soft.put(key, 'v', 60)
        if (fault === 'silent') cable.stalled = true
        else cable.delayMs = 2_000
        const took: number[] = []
        for (let times = 0; times < 12; times += 1) {
          const started = performance.now()
          await one.soft.get(key)
          took.push(performance.now() - started)
        }
        // the budget, and a database and a machine with other work
        expect(Math.max(...took), took.map(Math.round).join(' ')).to.be.below(50 + 150)
        expect(
          took.slice(5).sort((a, b) => a - b)[3],
          'milliseconds, the median of the later calls',
        ).to.be.below(30)
        expect(one.opened.map(({ message }) => message)).to.deep.equal([
          'Redis fails: the database does its work meanwhile',
        ])
        cable.stalled = false
        cable.delayMs = 0
        await usedAgain(one)
        expect(await one.soft.get(key)).to.equal('v')
      })
    }

    it('gives a value to at most one, also when nobody knows whether it was put', async () => {
      const other = await node(server.url)
      const keys = Array.from({ length: 8 }, () => token('unsure-'))
      // every command arrives; no answer does, in time
      cable.delayMs = 300
      await Promise.all(keys.map((key) => one.soft.put(key, key, 60)))
      const first = await Promise.all(keys.map((key) => one.soft.take(key)))
      cable.delayMs = 0
      await sleep(400)
      await usedAgain(one)
      for (const [index, key] of keys.entries()) {
        const later = await Promise.all([one.soft.take(key), other.soft.take(key), one.soft.take(key)])
        const winners = [first[index], ...later].filter((value) => value !== undefined)
        expect(winners.length, key).to.be.at.most(1)
      }
      other.redis.close()
    })

    it('writes to the database at once what it refuses, and what it is not there for', async () => {
      const admin = new Redis(server.url)
      await admin.config('SET', 'maxmemory', '1')
      const full = token('full-')
      await one.soft.put(full, 'f', 60)
      await admin.config('SET', 'maxmemory', '0')
      admin.disconnect()
      expect(await sql.ephemeral.get(full)).to.equal('f')
      expect(await one.soft.take(full)).to.equal('f')
      await server.service.kill()
      await sleep(50)
      const gone = token('gone-')
      await one.soft.put(gone, 'g', 60)
      expect(await one.soft.take(gone)).to.equal('g')
    })

    it('is left out by many callers at once, and tried by one of them', async () => {
      cable.stalled = true
      await Promise.all(Array.from({ length: 200 }, () => one.soft.get(token())))
      await open(one)
      await sleep(PAUSE_MS + 50)
      expect(one.guard.state).to.equal('half-open')
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => one.guard.call(() => one.values.get('k'))),
      )
      expect(outcomes.filter((it) => !it.answered && it.mayHaveRun)).to.have.length(1)
      expect(one.guard.state).to.equal('open')
    })

    it('connects again by itself to one that died without a word', async () => {
      cable.stalled = true
      await open(one)
      // the connection owes an answer; ours, not the operating system's patience, ends it
      await sleep(5_500)
      cable.stalled = false
      await usedAgain(one)
    })
  })

  it('starts without it, and uses it when it comes', async () => {
    const server = await startRedis()
    const connections: RedisConnection[] = []
    try {
      await server.service.kill()
      const started = performance.now()
      const late = await node(server.url)
      connections.push(late.redis)
      const nobody = await node('redis+sentinel://127.0.0.1:1,127.0.0.1:2/ostiary')
      const nowhere = await node('redis+cluster://127.0.0.1:1,127.0.0.1:2')
      connections.push(nobody.redis, nowhere.redis)
      expect(performance.now() - started).to.be.below(9_000)
      for (const { soft } of [late, nobody, nowhere]) {
        const key = token()
        await soft.put(key, 'v', 60)
        expect(await soft.take(key)).to.satisfy((value?: string) => value === 'v' || value === undefined)
        expect((await soft.increment(key, 60)).count).to.equal(1)
      }
      await server.service.start()
      for (
        let tries = 0;
        tries < 100 &&
        !(await late.values.get('k').then(
          () => true,
          () => false,
        ));
        tries += 1
      )
        await sleep(100)
      expect(await late.values.get('k')).to.equal(undefined)
    } finally {
      for (const connection of connections) connection.close()
      await server.stop()
    }
  })
})
