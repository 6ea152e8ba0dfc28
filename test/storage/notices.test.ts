/** "Look again now" reaches every process, and after an outage nobody believes to have heard everything. */
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { TOPICS, type Topic } from '../../src/storage/changes.ts'
import { LocalNotices, type Notices } from '../../src/storage/notices.ts'
import { connectRedis } from '../../src/storage/redis/connect.ts'
import { RedisNotices } from '../../src/storage/redis/notices.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import { PostgresNotices } from '../../src/storage/sql/notices.ts'
import { startRedisCluster, startSentinels } from '../support/redis-cluster.ts'
import { type RunningService, startPostgres, startRedis } from '../support/services.ts'

interface Ground {
  /** what one more process of the deployment has */
  join(): Promise<{ notices: Notices; leave(): Promise<void> }>
  /** takes the server away and brings it back; absent where there is none */
  interrupt?: () => Promise<void>
  stop(): Promise<void>
}

const onRedis = (url: string) => async () => {
  const redis = await connectRedis({ url, onError: () => {} })
  const notices = new RedisNotices(redis, 'test:notices', () => {})
  return {
    notices,
    async leave() {
      await notices.close()
      redis.close()
    },
  }
}

const interrupted = async ({ service }: RunningService) => {
  await service.kill()
  await sleep(300)
  await service.start()
}

const GROUNDS: [string, () => Promise<Ground>][] = [
  [
    'Postgres',
    async () => {
      const server = await startPostgres()
      return {
        async join() {
          const connection = connectPostgres({ url: server.url, poolSize: 2, onError: () => {} })
          const notices = new PostgresNotices(connection, server.url, () => {})
          return {
            notices,
            async leave() {
              await notices.close()
              await connection.close()
            },
          }
        },
        interrupt: () => interrupted(server),
        stop: () => server.stop(),
      }
    },
  ],
  [
    'Redis',
    async () => {
      const server = await startRedis()
      return {
        join: onRedis(server.url),
        interrupt: () => interrupted(server),
        stop: () => server.stop(),
      }
    },
  ],
  [
    'Sentinels',
    async () => {
      const set = await startSentinels()
      return {
        join: onRedis(set.url),
        // the replica takes over
        interrupt: async () => (await set.master()).service.kill(),
        stop: () => set.stop(),
      }
    },
  ],
  [
    'a Redis Cluster',
    async () => {
      const cluster = await startRedisCluster()
      return {
        join: onRedis(cluster.url),
        interrupt: async () => (await cluster.masters())[0]!.node.service.kill(),
        stop: () => cluster.stop(),
      }
    },
  ],
]

async function until(what: string, holds: () => boolean, seconds = 20): Promise<void> {
  for (let waited = 0; !holds(); waited += 1) {
    if (waited > seconds * 50) throw new Error(`not within ${seconds} seconds: ${what}`)
    await sleep(20)
  }
}

describe('notices', function () {
  this.timeout(120_000)

  for (const [name, prepare] of GROUNDS) {
    describe(`on ${name}`, () => {
      let ground: Ground
      const processes: { notices: Notices; heard: Topic[]; leave(): Promise<void> }[] = []
      const clear = () => {
        for (const { heard } of processes) heard.length = 0
      }
      before(async () => {
        ground = await prepare()
        for (let index = 0; index < 3; index += 1) {
          const joined = await ground.join()
          const heard: Topic[] = []
          joined.notices.subscribe((topic) => heard.push(topic))
          processes.push({ ...joined, heard })
        }
      })
      after(async () => {
        await Promise.all(processes.splice(0).map((it) => it.leave()))
        await ground?.stop()
      })
      const allHeard = (topics: readonly Topic[]) =>
        until(`all hear of ${topics}`, () =>
          processes.every(({ heard }) => topics.every((topic) => heard.includes(topic))),
        )

      it('says everything once as soon as it listens, because of what was before', () => allHeard(TOPICS))

      it('reaches every process within a second, the one that says it too', async () => {
        clear()
        const started = performance.now()
        processes[0]!.notices.publish('keys')
        await allHeard(['keys'])
        expect(performance.now() - started, 'milliseconds').to.be.below(1_000)
        processes[2]!.notices.publish('clients')
        await allHeard(['clients'])
        expect(processes.map(({ heard }) => heard)).to.deep.equal(Array(3).fill(['keys', 'clients']))
      })

      it('stops when asked', async () => {
        clear()
        const late: Topic[] = []
        const stop = processes[1]!.notices.subscribe((topic) => late.push(topic))
        stop()
        stop()
        processes[0]!.notices.publish('settings')
        await allHeard(['settings'])
        expect(late).to.deep.equal([])
      })

      it('says everything again to whoever was cut off, and goes on', async () => {
        clear()
        await ground.interrupt!()
        // who listened at a server that stayed was not cut off; somebody may have been, and all hear what is said now
        const deadline = performance.now() + 15_000
        const heardNow = () => processes.every(({ heard }) => heard.includes('settings'))
        while (!heardNow() && performance.now() < deadline) {
          processes[1]!.notices.publish('settings')
          await sleep(100)
        }
        expect(processes.map(({ heard }) => heard.includes('settings'))).to.deep.equal([true, true, true])
        if (name === 'Postgres' || name === 'Redis') await allHeard(TOPICS)
      })
    })
  }

  it('stays within one process on the embedded database', async () => {
    const notices = new LocalNotices()
    const heard: Topic[] = []
    const stop = notices.subscribe((topic) => heard.push(topic))
    notices.subscribe((topic) => heard.push(topic))
    notices.publish('keys')
    expect(heard, 'not before the caller is done').to.deep.equal([])
    await sleep(5)
    stop()
    notices.publish('clients')
    await sleep(5)
    expect(heard).to.deep.equal(['keys', 'keys', 'clients'])
    await notices.close()
  })

  it('closes at once while its server is away, and fails for nobody', async () => {
    const redis = await connectRedis({ url: 'redis://127.0.0.1:1', onError: () => {} })
    const url = 'postgres://nobody@127.0.0.1:1/x'
    const connection = connectPostgres({ url, poolSize: 2, onError: () => {} })
    const errors: Error[] = []
    const all = [
      new RedisNotices(redis, 'c', (error) => errors.push(error)),
      new PostgresNotices(connection, url, (error) => errors.push(error)),
    ]
    await sleep(1_000)
    for (const notices of all) notices.publish('keys')
    await sleep(100)
    expect(errors, 'each says once that it cannot listen').to.have.length(2)
    const started = performance.now()
    await Promise.all(all.map((notices) => notices.close()))
    redis.close()
    await connection.close()
    expect(performance.now() - started).to.be.below(1_000)
  })
})
