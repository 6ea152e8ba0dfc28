/** Single use, proven where it can be lost: 16 callers in two processes on one real Postgres, 100 rounds each. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Keyring } from '../../src/crypto/keyring.ts'
import type { Ephemeral } from '../../src/domain/ports.ts'
import { openRedis } from '../../src/storage/redis/open.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import { migrateUp } from '../../src/storage/sql/migrate.ts'
import { newPostgresDatabase, required, type SqlInstance, storesOn } from '../support/backends.ts'
import { sampleProof, token } from '../support/samples.ts'
import type { Attempt } from './store-worker.ts'

const ROUNDS = 100
const TRIES = 8

interface Racer {
  race(attempt: Omit<Attempt, 'tries'>): Promise<number>
  end(): Promise<void>
}

async function startRacer(env: Record<string, string>): Promise<Racer> {
  const file = fileURLToPath(new URL('./store-worker.ts', import.meta.url))
  const child: ChildProcess = spawn(process.execPath, [file], {
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await answers.next()
    if (done) throw new Error('the racing process died')
    return JSON.parse(value)
  }
  expect(await answer()).to.equal('ready')
  return {
    race(attempt) {
      child.stdin!.write(`${JSON.stringify({ ...attempt, tries: TRIES })}\n`)
      return answer()
    },
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve())
        child.stdin!.end()
      }),
  }
}

describe('races on Postgres', function () {
  this.timeout(120_000)
  let stores: SqlInstance
  let soft: Ephemeral
  let racers: Racer[] = []
  const undo: (() => unknown)[] = []

  before(async () => {
    const [{ url, drop }, secret, prefix] = [await newPostgresDatabase(), randomBytes(32), `race-${token()}:`]
    undo.push(drop)
    const connection = connectPostgres({ url, poolSize: 4, onError: () => {} })
    undo.push(() => connection.close())
    await migrateUp(connection)
    stores = storesOn(connection, new Keyring(secret))
    const redis = await openRedis({
      url: required('TEST_REDIS_URL'),
      prefix,
      rows: stores.ephemeral,
      atRest: stores.atRest,
      onError: () => {},
    })
    undo.push(() => redis.close())
    soft = redis.ephemeral
    const env = {
      DATABASE_URL: url,
      REDIS_URL: required('TEST_REDIS_URL'),
      REDIS_PREFIX: prefix,
      SECRET: secret.toString('hex'),
    }
    racers = await Promise.all([startRacer(env), startRacer(env)])
  })

  after(async () => {
    await Promise.all(racers.map((racer) => racer.end()))
    for (const step of undo.toReversed()) await step()
  })

  async function winners(
    prepare: (id: string) => Promise<unknown>,
    attempt: Omit<Attempt, 'tries' | 'id'>,
  ): Promise<number[]> {
    const found: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = token()
      await prepare(id)
      const wins = await Promise.all(racers.map((racer) => racer.race({ ...attempt, id })))
      found.push(wins.reduce((sum, won) => sum + won, 0))
    }
    return found
  }

  const onceEach = Array(ROUNDS).fill(1)

  for (const model of [
    'AuthorizationCode',
    'RefreshToken',
    'DeviceCode',
    'PushedAuthorizationRequest',
  ] as const) {
    it(`one of 16 consumes a ${model}`, async () => {
      const prepare = (id: string) => stores.artifacts.upsert(model, id, { userCode: id }, 60)
      expect(await winners(prepare, { what: 'consume', model })).to.deep.equal(onceEach)
    })
  }

  it('one of 16 claims a jti', async () => {
    expect(await winners(async () => {}, { what: 'claim' })).to.deep.equal(onceEach)
  })

  it('one of 16 consumes an e-mail proof', async () => {
    const prepare = (id: string) => stores.database.emailProofs.insert(sampleProof({ id }))
    expect(await winners(prepare, { what: 'proof' })).to.deep.equal(onceEach)
  })

  it('one of 16 takes an ephemeral value, in SQL and in Redis', async () => {
    expect(await winners((id) => stores.ephemeral.put(id, 'v', 60), { what: 'take' })).to.deep.equal(onceEach)
    expect(await winners((id) => soft.put(id, 'v', 60), { what: 'redis-take' })).to.deep.equal(onceEach)
  })

  it('one of 16 makes the first signing keys', async () => {
    const prepare = () => stores.connection.knex('signing_keys').delete()
    expect(await winners(prepare, { what: 'first-key' })).to.deep.equal(onceEach)
  })

  it('no session outlives its revocation, however many requests write it at that moment', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const id = token()
      await stores.artifacts.upsert('Session', id, { uid: id, accountId: id }, 60)
      const writing = racers.map((racer) => racer.race({ what: 'session', id }))
      await sleep(Math.random() * 4)
      await stores.database.access.revokeAccount(id)
      await Promise.all(writing)
      expect(await stores.artifacts.findSessionsByAccount(id)).to.deep.equal([])
    }
  })

  it('no token outlives its grant, however many are issued at that moment', async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const grantId = token()
      await stores.artifacts.upsert('Grant', grantId, {}, 60)
      const ids = Array.from({ length: 8 }, () => token())
      const issuing = ids.map((id) =>
        stores.artifacts.upsert('AccessToken', id, { grantId }, 60).catch(() => {}),
      )
      await stores.artifacts.destroy('Grant', grantId)
      await Promise.all(issuing)
      const left = await Promise.all(ids.map((id) => stores.artifacts.find('AccessToken', id)))
      expect(left.filter(Boolean)).to.deep.equal([])
    }
  })
})
