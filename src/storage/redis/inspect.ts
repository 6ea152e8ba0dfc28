/** What a Redis says about itself. Reads only. */
import { connectRedis } from './connect.ts'

export interface RedisFacts {
  version: string
  latencyMs: number
  usedBytes: number
  /** 0: no limit of its own */
  mostBytes: number
}

/** Throws what keeps it from answering; the message holds no password. */
export async function inspectRedis(url: string): Promise<RedisFacts> {
  let failure: Error | undefined
  const redis = await connectRedis({
    url,
    onError: (error) => {
      failure ??= error
    },
  })
  try {
    const asked = performance.now()
    await redis.client.ping()
    const latencyMs = Math.round(performance.now() - asked)
    const info = String(await redis.client.info())
    const read = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
    return {
      ...{ version: read('redis_version'), latencyMs },
      usedBytes: Number(read('used_memory')),
      mostBytes: Number(read('maxmemory')),
    }
  } catch (error) {
    throw failure ?? error
  } finally {
    redis.close()
  }
}
