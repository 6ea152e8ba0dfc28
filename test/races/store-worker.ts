/** One of two processes that race. Told what to try, it tries it `tries` times at once and answers how often it won. */
import { createInterface } from 'node:readline'
import { Keyring } from '../../src/crypto/keyring.ts'
import type { ArtifactModel } from '../../src/storage/artifact-store.ts'
import { openRedis } from '../../src/storage/redis/open.ts'
import { connectPostgres } from '../../src/storage/sql/connect-postgres.ts'
import { storesOn } from '../support/backends.ts'
import { sampleKey } from '../support/samples.ts'

export interface Attempt {
  what: 'consume' | 'claim' | 'proof' | 'take' | 'redis-take' | 'first-key' | 'session'
  model?: ArtifactModel
  id: string
  tries: number
}

const { DATABASE_URL, REDIS_URL, REDIS_PREFIX, SECRET } = process.env as Record<string, string>
const connection = connectPostgres({ url: DATABASE_URL!, poolSize: 8, onError: () => {} })
const atRest = new Keyring(Buffer.from(SECRET!, 'hex'))
const { artifacts, database, ephemeral } = storesOn(connection, atRest)
const redis = await openRedis({
  url: REDIS_URL!,
  prefix: REDIS_PREFIX,
  rows: ephemeral,
  atRest,
  onError: () => {},
})
const soft = redis.ephemeral

function answer(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

async function attempt({ what, model, id }: Attempt): Promise<boolean> {
  switch (what) {
    case 'consume':
      return artifacts.consume(model!, id)
    case 'claim':
      return artifacts.claim('ReplayDetection', id, 60)
    case 'proof':
      return (await database.emailProofs.consume(id)) !== undefined
    case 'take':
      return (await ephemeral.take(id)) !== undefined
    case 'redis-take':
      return (await soft.take(id)) !== undefined
    case 'first-key':
      return database.transaction(async ({ signingKeys }) => {
        await signingKeys.lock()
        if ((await signingKeys.list()).length > 0) return false
        await signingKeys.add(sampleKey())
        return true
      })
    case 'session':
      // an engine request in flight: it writes the session it read, under a new id
      return artifacts.upsert('Session', `${id}-${Math.random()}`, { uid: id, accountId: id }, 60).then(
        () => true,
        () => false,
      )
  }
}

answer('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line) as Attempt
  const outcomes = await Promise.all(Array.from({ length: order.tries }, () => attempt(order)))
  answer(outcomes.filter(Boolean).length)
}
await redis.close()
await connection.close()
