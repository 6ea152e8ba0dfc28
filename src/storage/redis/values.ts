/** Values in Redis. Each command and each script touches one key, so that it runs on a Cluster as on one server. */
import { Command } from 'ioredis'
import type { Ephemeral } from '../../domain/ports.ts'
import type { RedisClient } from './connect.ts'

/** One winner, and no window between reading and removing. GETDEL would do, from Redis 6.2 on. */
const TAKE = `
local value = redis.call('get', KEYS[1])
if value then redis.call('del', KEYS[1]) end
return value`

/** What may be lost with Redis; counters and what is stored once are none of it (see `ephemeral.ts`). */
export type SoftValues = Pick<Ephemeral, 'get' | 'put' | 'take' | 'delete'>

/**
 * The key's slot is on another node of the Cluster, or on its way there; the last is what the client says when it
 * learns so after it put the batch together. None of them has run.
 */
const ELSEWHERE = /^(?:MOVED |ASK |TRYAGAIN |All keys in the pipeline )/

export class RedisValues implements SoftValues {
  readonly #redis: RedisClient
  readonly #prefix: string

  constructor(redis: RedisClient, prefix: string) {
    this.#redis = redis
    this.#prefix = prefix
  }

  async get(key: string): Promise<string | undefined> {
    return (await this.#run('get', [this.#prefix + key])) ?? undefined
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    // Redis refuses a lifetime of 0.
    const milliseconds = String(Math.max(1, Math.ceil(ttlSeconds * 1000)))
    await this.#run('set', [this.#prefix + key, value, 'PX', milliseconds])
  }

  async take(key: string): Promise<string | undefined> {
    return (await this.#run('eval', [TAKE, '1', this.#prefix + key])) ?? undefined
  }

  async delete(key: string): Promise<void> {
    await this.#run('del', [this.#prefix + key])
  }

  /**
   * Together with the commands of this turn of the event loop. The client redirects such a batch only when all of it
   * is elsewhere; what was refused because of that goes alone, and is led to where its slot is.
   */
  async #run(name: 'get' | 'set' | 'eval' | 'del', args: string[]): Promise<string | null> {
    const batched = this.#redis as unknown as Record<string, (...args: string[]) => Promise<string | null>>
    try {
      return await batched[name]!(...args)
    } catch (error) {
      if (!ELSEWHERE.test((error as Error).message)) throw error
      const alone = new Command(name, args, { replyEncoding: 'utf8' })
      return (await this.#redis.sendCommand(alone)) as string | null
    }
  }
}
