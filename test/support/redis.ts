/** The test Redis, emptied: whole apps use its second database, contract suites use prefixes in the first. */
import { Redis } from 'ioredis'
import { required } from './backends.ts'

export async function cleanRedisUrl(): Promise<string> {
  const url = new URL(required('TEST_REDIS_URL'))
  url.pathname = '/1'
  const redis = new Redis(url.href)
  await redis.flushdb()
  redis.disconnect()
  return url.href
}
