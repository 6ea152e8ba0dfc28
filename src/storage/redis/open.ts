/** Everything that runs on Redis, opened together: soft state in front of the database, and notices. */
import type { Ephemeral } from '../../domain/ports.ts'
import type { BreakerState } from '../../lib/breaker.ts'
import type { AtRest } from '../at-rest.ts'
import { type Health, healthOf } from '../health.ts'
import type { Notices } from '../notices.ts'
import { connectRedis, type RedisOptions } from './connect.ts'
import { RedisEphemeral } from './ephemeral.ts'
import { Guard } from './guard.ts'
import { RedisNotices } from './notices.ts'
import { SealedValues } from './sealed-values.ts'
import { RedisValues, type SoftValues } from './values.ts'

export interface OpenRedisOptions extends RedisOptions {
  /** before every key and channel; only for Redis servers shared with others */
  prefix?: string | undefined
  atRest: AtRest
  /** the database's soft state, which stands in */
  rows: Ephemeral
}

/** `breaker`: whether it is used (closed), left out (open), or tried with one call (half-open) */
export interface RedisHealth extends Health {
  breaker: BreakerState
}

export interface OpenRedis {
  ephemeral: Ephemeral
  notices: Notices
  /** Adds to a stream that keeps about `maxLength` entries. Throws when it cannot, with any number of them added. */
  addToStream(name: string, maxLength: number, entries: readonly Record<string, string>[]): Promise<void>
  /** as they are kept: sealed */
  values: SoftValues
  health(): Promise<RedisHealth>
  close(): Promise<void>
}

const PATIENCE_MS = 1_000

export async function openRedis(options: OpenRedisOptions): Promise<OpenRedis> {
  const { prefix = 'ostiary:', rows, atRest, onError } = options
  const redis = await connectRedis(options)
  const plain = new RedisValues(redis.client, prefix)
  const values = new SealedValues(plain, atRest)
  const guard = new Guard(onError)
  const notices = new RedisNotices(redis, `${prefix}notices`, onError)
  return {
    ephemeral: new RedisEphemeral({ values, guard, rows }),
    notices,
    async addToStream(name, maxLength, entries) {
      for (const entry of entries)
        await redis.client.xadd(name, 'MAXLEN', '~', maxLength, '*', ...Object.entries(entry).flat())
    },
    values: plain,
    // Asked past the breaker: an operator wants to know how it is, not what we think of it.
    health: async () => ({
      ...(await healthOf(async () => redis.client.ping(), PATIENCE_MS)),
      breaker: guard.state,
    }),
    async close() {
      await notices.close()
      redis.close()
    },
  }
}
