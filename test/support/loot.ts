/** What somebody who stole the stores has in his hands: every value of Postgres and Redis, in every form it can be read in. */
import { Redis } from 'ioredis'
import type { Sql } from './stored-rows.ts'

/** Shorter strings are no secrets anywhere here. */
const MIN_LENGTH = 6
const MAX_LENGTH = 4_000

export class Loot {
  readonly #strings = new Set<string>()

  /** Every string, longest first. */
  get strings(): string[] {
    return [...this.#strings].sort((a, b) => b.length - a.length)
  }

  has(text: string): boolean {
    return this.#strings.has(text)
  }

  /** @param only these tables; all unless given */
  async takeSql(sql: Sql, only?: readonly string[]): Promise<string[]> {
    const all = await sql.query<{ name: string }>(
      `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
    )
    const tables = all.filter(({ name }) => only?.includes(name) ?? true)
    for (const { name } of tables) {
      const rows = await sql.query<{ row: Record<string, unknown> }>(
        `select to_jsonb(t) as row from "${name}" t`,
      )
      for (const { row } of rows) for (const value of Object.values(row)) this.take(value)
    }
    return tables.map(({ name }) => name)
  }

  async takeRedis(url: string): Promise<number> {
    const redis = new Redis(url)
    try {
      let keys = 0
      for await (const batch of redis.scanStream({ count: 1000 }) as AsyncIterable<string[]>) {
        for (const key of batch) {
          keys += 1
          this.take(key)
          this.take(await redisValue(redis, key))
        }
      }
      return keys
    } finally {
      redis.disconnect()
    }
  }

  /** A value as it is, what it holds, and what it may be the encoding of. */
  take(value: unknown): void {
    if (value === null || value === undefined) return
    if (Array.isArray(value)) for (const entry of value) this.take(entry)
    else if (typeof value === 'object') {
      for (const [name, entry] of Object.entries(value)) {
        this.take(name)
        this.take(entry)
      }
    } else this.#text(String(value))
  }

  #text(text: string): void {
    if (text.length < MIN_LENGTH || text.length > MAX_LENGTH || this.#strings.has(text)) return
    this.#strings.add(text)
    const json = parsed(text)
    if (json !== undefined) this.take(json)
    else if (text.startsWith('\\x')) this.#bytes(Buffer.from(text.slice(2), 'hex'))
    else this.#plain(text)
  }

  #plain(text: string): void {
    // ids in keys and composed values: `a:b`, `a.b.c`, `$a$b`, `a=b&c`
    for (const part of text.split(/[^\w+/=-]+|[:|]/)) this.#text(part)
    for (const part of text.split(/[^\w-]+/)) this.#text(part)
    if (/^[0-9a-f]{16,}$/i.test(text) && text.length % 2 === 0) this.#bytes(Buffer.from(text, 'hex'))
    else if (/^[\w+/-]{16,}={0,2}$/.test(text)) this.#bytes(Buffer.from(text, 'base64'))
  }

  #bytes(bytes: Buffer): void {
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      const text = bytes.toString(encoding)
      if (text.length <= MAX_LENGTH) this.#strings.add(text)
    }
    const text = bytes.toString('utf8')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: bytes that are no text
    if (!/[\u0000-\u001f\ufffd]/.test(text)) this.#text(text)
  }
}

async function redisValue(redis: Redis, key: string): Promise<unknown> {
  switch (await redis.type(key)) {
    case 'string':
      return redis.get(key)
    case 'hash':
      return redis.hgetall(key)
    case 'set':
      return redis.smembers(key)
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'zset':
      return redis.zrange(key, '0', '-1')
    default:
      throw new Error(`a kind of value nobody looks into: ${await redis.type(key)} at ${key}`)
  }
}

function parsed(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
