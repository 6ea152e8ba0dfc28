/** One Redis. Soft state only: when it is away, commands fail at once instead of piling up in memory. */
import { Redis } from 'ioredis'

const COMMAND_TIMEOUT_MS = 1_000
const CONNECT_TIMEOUT_MS = 3_000
const LONGEST_RETRY_MS = 2_000

export interface RedisOptions {
  url: string
  /** told about connection faults; the client reconnects by itself */
  onError: (error: Error) => void
}

/** Connects, waiting a moment for it; a Redis that is down now is reported, and used when it comes. */
export async function connectRedis({ url, onError }: RedisOptions): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    // Resending could count or take twice.
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), LONGEST_RETRY_MS),
    connectionName: 'ostiary',
  })
  redis.on('error', onError)
  // Rejects when the first attempt fails; 'error' has told by then, and the client goes on trying.
  await redis.connect().catch(() => {})
  return redis
}
