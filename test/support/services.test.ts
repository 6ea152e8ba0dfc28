/** The tests' own ground: servers that can be broken on purpose, and no way out to the network. */
import { connect } from 'node:net'
import { expect } from 'chai'
import pg from 'pg'
import { type RunningService, startPostgres, startRedis } from './services.ts'

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000, query_timeout: 1000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return (await client.query(text)).rows
  } finally {
    await client.end().catch(() => {})
  }
}

async function fails(work: Promise<unknown>): Promise<boolean> {
  return await work.then(
    () => false,
    () => true,
  )
}

describe('services for tests', () => {
  const started: RunningService[] = []
  after(() => Promise.all(started.map((it) => it.stop())))

  it('a PostgreSQL that is killed keeps what was committed, under the same address', async () => {
    const postgres = await startPostgres()
    started.push(postgres)
    await query(postgres.url, 'create table t as select 42 as n')
    await postgres.service.kill()
    expect(await fails(query(postgres.url, 'select 1'))).to.equal(true)
    await postgres.service.start()
    expect(await query(postgres.url, 'select n from t')).to.deep.equal([{ n: 42 }])
    await postgres.service.restart()
    expect(await query(postgres.url, 'show fsync')).to.deep.equal([{ fsync: 'on' }])
  })

  it('a PostgreSQL that hangs answers again when it is resumed', async () => {
    const [postgres] = started
    postgres!.service.pause()
    expect(await fails(query(postgres!.url, 'select 1'))).to.equal(true)
    postgres!.service.resume()
    expect(await query(postgres!.url, 'select 1 as n')).to.deep.equal([{ n: 1 }])
  })

  it('a Redis comes back empty', async () => {
    const redis = await startRedis()
    started.push(redis)
    await redis.service.kill()
    expect(redis.service.running).to.equal(false)
    await redis.service.start()
    expect(redis.service.running).to.equal(true)
  })

  it('nothing but this machine can be reached', async () => {
    for (const host of ['example.com', '10.0.0.1', '2001:db8::1']) {
      const socket = connect(80, host)
      const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
      expect(error.message).to.match(/must not reach the network/)
    }
    const error: Error = await fetch('http://example.com/').then(
      () => new Error('reached'),
      (cause: Error) => cause,
    )
    expect(String(error.cause)).to.match(/must not reach the network/)
  })
})
