/** Values in Redis. Each command and each script touches one key, so that it runs on a Cluster as on one server. */
import type { Ephemeral } from '../../domain/ports.ts'
import type { RedisClient } from './connect.ts'

/** One winner, and no window between reading and removing. GETDEL would do, from Redis 6.2 on. */
const TAKE = `
local value = redis.call('get', KEYS[1])
if value then redis.call('del', KEYS[1]) end
return value`

interface Commands {
  get(key: string): Promise<string | null>
  set(key: string, value: string, unit: 'PX', milliseconds: number): Promise<unknown>
  del(key: string): Promise<unknown>
  ostiaryTake(key: string): Promise<string | null>
}

/** What may be lost with Redis; counters and what is stored once are none of it (see `ephemeral.ts`). */
export type SoftValues = Pick<Ephemeral, 'get' | 'put' | 'take' | 'delete'>

export class RedisValues implements SoftValues {
  readonly #redis: Commands
  readonly #prefix: string

  constructor(redis: RedisClient, prefix: string) {
    redis.defineCommand('ostiaryTake', { numberOfKeys: 1, lua: TAKE })
    this.#redis = redis as unknown as Commands
    this.#prefix = prefix
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#redis.get(this.#prefix + key)) ?? undefined
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    // Redis refuses a lifetime of 0.
    const milliseconds = Math.max(1, Math.ceil(ttlSeconds * 1000))
    await this.#redis.set(this.#prefix + key, value, 'PX', milliseconds)
  }

  async take(key: string): Promise<string | undefined> {
    return (await this.#redis.ostiaryTake(this.#prefix + key)) ?? undefined
  }

  async delete(key: string): Promise<void> {
    await this.#redis.del(this.#prefix + key)
  }
}
