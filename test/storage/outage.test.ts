/** Dependencies that go away and come back: told apart from faults of ours, and used again without a restart. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { chooseStorage, type Storage, type StorageOptions } from '../../src/storage/choose.ts'
import { isUnavailable } from '../../src/storage/faults.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import { newKeyring, newPostgresDatabase, required } from '../support/backends.ts'
import { sampleUser, token } from '../support/samples.ts'

/** A cable that can be pulled. */
class Cable {
  readonly #target: URL
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  #port = 0

  constructor(url: string) {
    this.#target = new URL(url)
  }

  async plug(): Promise<string> {
    this.#server = createServer((near) => {
      const far = connect(Number(this.#target.port), this.#target.hostname)
      for (const socket of [near, far]) {
        this.#sockets.add(socket)
        socket
          .on('error', () => {})
          .on('close', () => {
            this.#sockets.delete(socket)
            near.destroy()
            far.destroy()
          })
      }
      near.pipe(far).pipe(near)
    })
    this.#server.listen(this.#port, '127.0.0.1')
    await once(this.#server, 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
    const url = new URL(this.#target)
    url.hostname = '127.0.0.1'
    url.port = String(this.#port)
    return url.href
  }

  /** Swallows everything on the connections there are, and tells nobody; new ones work: a firewall that forgot them. */
  strand(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  async pull(): Promise<void> {
    const closed = once(this.#server!, 'close')
    this.#server!.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error) => error,
  )

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if (await holds()) return
    await sleep(100)
  }
  throw new Error(`never happened: ${what}`)
}

describe('outages', function () {
  this.timeout(60_000)
  const undo: (() => unknown)[] = []
  afterEach(async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  })

  async function open(changes: Partial<StorageOptions>): Promise<Storage> {
    const options: StorageOptions = {
      database: { kind: 'pglite' },
      atRest: newKeyring(),
      onError: () => {},
      ...changes,
    }
    const storage = await chooseStorage(options)
    undo.push(() => storage.close())
    return storage
  }

  it('a Postgres that goes away is unavailable, and used again when it is back', async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    const cable = new Cable(url)
    const storage = await open({ database: { kind: 'postgres', url: await cable.plug(), poolSize: 4 } })
    await storage.migrate()
    const user = await storage.database.users.insert(sampleUser())
    const calls = () => [
      storage.artifacts.find('Session', token()),
      storage.database.users.find(user.id),
      storage.database.transaction((tx) => tx.users.find(user.id)),
      storage.ephemeral.increment(token(), 60),
      storage.migrate(),
    ]
    await Promise.all([...calls(), ...calls(), ...calls()])
    const interrupted = storage.database.transaction(async (tx) => {
      await tx.users.setPassword(user.id, '$lost')
      await cable.pull()
      await tx.users.find(user.id)
    })
    const lost = await failure(interrupted)
    expect(isUnavailable(lost), String(lost)).to.equal(true)
    for (const outcome of await Promise.all(calls().map(failure))) {
      expect(isUnavailable(outcome), String(outcome)).to.equal(true)
    }
    expect((await storage.health()).database).to.include({ state: 'down', detail: 'ECONNREFUSED' })

    await cable.plug()
    undo.push(() => cable.pull())
    // a server that has just refused is left alone for a tenth of a second
    await sleep(200)
    await Promise.all(calls())
    expect((await storage.health()).database.state).to.equal('up')
    expect(await storage.database.users.passwordHash(user.id), 'what was not committed').to.equal(undefined)
  })

  it('connections that died without a word are given up after one answer that did not come', async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    const cable = new Cable(url)
    const storage = await open({ database: { kind: 'postgres', url: await cable.plug(), poolSize: 4 } })
    undo.push(() => cable.pull())
    await storage.migrate()
    const calls: Record<string, () => Promise<unknown>> = {
      'a look-up': () => storage.artifacts.find('Session', token()),
      'a commit': () => storage.artifacts.upsert('ClientCredentials', token(), {}, 60),
      'a prepared statement': () => storage.artifacts.findSessionsByAccount(token()),
      'a repository': () => storage.database.users.find(token()),
    }
    const all = () => Object.values(calls).flatMap((call) => Array.from({ length: 4 }, call))
    await Promise.all(all())
    cable.strand()
    for (const outcome of await Promise.all(all().map(failure)))
      expect(isUnavailable(outcome), String(outcome)).to.equal(true)
    for (const [what, call] of Object.entries(calls)) {
      const again = await Promise.all(Array.from({ length: 4 }, () => failure(call())))
      expect(again.filter((outcome) => outcome !== 'no failure').map(String), what).to.deep.equal([])
    }
  })

  it('a Redis that goes away is done without at once, queues nothing, and is seen when it is back', async () => {
    const cable = new Cable(required('TEST_REDIS_URL'))
    const reported: string[] = []
    const storage = await open({
      redisUrl: await cable.plug(),
      redisPrefix: `outage-${token()}:`,
      onError: (error) => reported.push(error.message),
    })
    await storage.migrate()
    await storage.ephemeral.put('k', 'v', 60)
    expect(await storage.health()).to.have.nested.include({ 'redis.state': 'up', 'redis.breaker': 'closed' })
    await cable.pull()
    await until('it is seen', async () => (await storage.health()).redis?.state === 'down')
    const started = performance.now()
    await Promise.all(Array.from({ length: 500 }, (_, n) => storage.ephemeral.put(`k${n}`, 'w', 60)))
    expect(performance.now() - started, 'milliseconds for 500').to.be.lessThan(2_000)
    expect(await storage.ephemeral.take('k499')).to.equal('w')
    expect((await storage.health()).redis?.breaker).to.equal('open')
    expect((await storage.vitalHealth()).database.state).to.equal('up')
    expect(reported.some((message) => message.includes('ECONNREFUSED'))).to.equal(true)
    expect(reported.some((message) => message.startsWith('Redis fails'))).to.equal(true)
    await cable.plug()
    undo.push(() => cable.pull())
    await until('Redis is back', async () => (await storage.health()).redis?.state === 'up')
  })

  it('starts while both are down', async () => {
    const storage = await open({
      database: { kind: 'postgres', url: 'postgres://user:hunter2@127.0.0.1:1/x', poolSize: 2 },
      redisUrl: 'redis://:hunter2@127.0.0.1:1',
    })
    const health = await storage.health()
    expect([health.database.state, health.redis?.state]).to.deep.equal(['down', 'down'])
    expect(JSON.stringify(health)).to.not.include('hunter2').and.not.include('127.0.0.1')
    expect(isUnavailable(await failure(storage.migrate()))).to.equal(true)
    expect(isUnavailable(await failure(storage.ephemeral.get('k')))).to.equal(true)
  })

  it('a statement, a lock and a pool that keep one waiting are unavailable; a wrong statement is not', async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    const connection = connectPostgres({ url, poolSize: 2, onError: () => {} })
    undo.push(() => connection.close())
    const run = (text: string) => failure(connection.query({ name: text, text, values: [] }))
    const [slow, second, third] = await Promise.all([
      run('select pg_sleep(6)'),
      run('select 1, pg_sleep(6)'),
      run('select 3'),
    ])
    expect([slow, second, third].map(isUnavailable)).to.deep.equal([true, true, true])
    await connection.knex.raw('create table t (a int)')
    await connection.knex.transaction(async (trx) => {
      await trx.raw('lock table t in access exclusive mode')
      expect(isUnavailable(await run('select a from t'))).to.equal(true)
    })
    expect(isUnavailable(await run('select nonsense'))).to.equal(false)
    expect(isUnavailable(await run('select 1/0'))).to.equal(false)
    expect(isUnavailable(new TypeError('x'))).to.equal(false)
  })

  it('a killed idle or busy connection does not end the process', async () => {
    const { url, drop } = await newPostgresDatabase()
    undo.push(drop)
    const heard: Error[] = []
    const connection = connectPostgres({ url, poolSize: 2, onError: (error) => heard.push(error) })
    undo.push(() => connection.close())
    const others =
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()'
    const busy = failure(connection.query({ name: 'sleep', text: 'select pg_sleep(3)', values: [] }))
    await connection.knex.raw('select 1')
    await sleep(100)
    await connection.knex.raw(others)
    expect(isUnavailable(await busy)).to.equal(true)
    await connection.query({ name: 'again', text: 'select 1', values: [] })
    await connection.query({ name: 'kill', text: others, values: [] })
    await until('the idle connection was reported', async () => heard.length > 0)
    await connection.knex.raw('select 1')
  })
})
