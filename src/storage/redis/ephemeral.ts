import type { Redis } from 'ioredis'
import type { Counter, Ephemeral } from '../../domain/ports.ts'

/** One winner, and no window between reading and removing. GETDEL would do, from Redis 6.2 on. */
const TAKE = `
local value = redis.call('get', KEYS[1])
if value then redis.call('del', KEYS[1]) end
return value`

/** The first increment sets the lifetime; later ones keep what is left of it. */
const INCREMENT = `
local count = math.max((tonumber(redis.call('get', KEYS[1]) or '0') or 0) + tonumber(ARGV[1]), 0)
local left = redis.call('pttl', KEYS[1])
if left <= 0 then left = tonumber(ARGV[2]) end
redis.call('set', KEYS[1], string.format('%d', count), 'px', left)
return { count, left }`

interface Commands {
  ostiaryTake(key: string): Promise<string | null>
  ostiaryIncrement(key: string, by: number, ttlMs: number): Promise<[count: number, leftMs: number]>
}

/** Soft state in Redis, for deployments of several processes. */
export class RedisEphemeral implements Ephemeral {
  readonly #redis: Redis & Commands
  readonly #prefix: string

  constructor(redis: Redis, prefix = 'ostiary:') {
    redis.defineCommand('ostiaryTake', { numberOfKeys: 1, lua: TAKE })
    redis.defineCommand('ostiaryIncrement', { numberOfKeys: 1, lua: INCREMENT })
    this.#redis = redis as Redis & Commands
    this.#prefix = prefix
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#prefix + key)) ?? undefined
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.#redis.set(this.#prefix + key, value, 'PX', milliseconds(ttlSeconds))
  }

  async putOnce(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    return (await this.#redis.set(this.#prefix + key, value, 'PX', milliseconds(ttlSeconds), 'NX')) === 'OK'
  }

  async take(key: string): Promise<string | undefined> {
    return (await this.#redis.ostiaryTake(this.#prefix + key)) ?? undefined
  }

  async delete(key: string): Promise<void> {
    await this.#redis.del(this.#prefix + key)
  }

  async increment(key: string, ttlSeconds: number, by = 1): Promise<Counter> {
    const ttl = milliseconds(ttlSeconds)
    const [count, left] = await this.#redis.ostiaryIncrement(this.#prefix + key, by, ttl)
    return { count, resetsInSeconds: Math.max(1, Math.ceil(left / 1000)) }
  }
}

/** Redis refuses a lifetime of 0. */
function milliseconds(seconds: number): number {
  return Math.max(1, Math.ceil(seconds * 1000))
}
