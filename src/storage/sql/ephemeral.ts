/**
 * Soft state in SQL: all of it without Redis, and with Redis what must be right although that is flushed or away. One
 * statement per operation, by the database's clock. Values are sealed; counts are not, as the database counts them.
 */
import { createHash } from 'node:crypto'
import type { Counter, Ephemeral } from '../../domain/ports.ts'
import type { AtRest } from '../at-rest.ts'
import { ValueSeal } from '../value-seal.ts'
import type { SqlConnection } from './connection.ts'
import { EXPIRED, purge } from './purge.ts'
import { isStorable } from './rows.ts'

const ALIVE = 'key = $1 and expires_at > now()'
const EXPIRES = 'now() + make_interval(secs => $3::float8)'
/**
 * Answers before the disk has it: the lock on a counter that a storm of attempts fights for is held for microseconds
 * instead of a disk's turn. A crash of the server itself forgets the last half second of counting; nothing is torn.
 */
const UNHURRIED = "(select set_config('synchronous_commit', 'off', true))"
/** An index entry has room for about 2700 bytes, and keys may be made of what strangers send. */
const MAX_KEY_LENGTH = 200

const SQL = {
  get: `select value, count from ephemeral where ${ALIVE}`,
  put: `insert into ephemeral (key, value, expires_at) values ($1, $2, ${EXPIRES})
    on conflict (key) do update set value = excluded.value, count = null, expires_at = excluded.expires_at`,
  putOnce: `insert into ephemeral as e (key, value, expires_at) values ($1, $2, ${EXPIRES})
    on conflict (key) do update set value = excluded.value, count = null, expires_at = excluded.expires_at
    where e.expires_at <= now()`,
  take: `delete from ephemeral where ${ALIVE} returning value, count`,
  delete: 'delete from ephemeral where key = $1',
  increment: `insert into ephemeral as e (key, count, expires_at) values ($1, greatest($2::int, 0), ${EXPIRES})
    on conflict (key) do update set
      value = null,
      count = case when e.expires_at <= now() then excluded.count else greatest(coalesce(e.count, 0) + $2::int, 0) end,
      expires_at = case when e.expires_at <= now() then excluded.expires_at else e.expires_at end
    returning count, extract(epoch from expires_at - clock_timestamp())::float8 as seconds, ${UNHURRIED}`,
}

interface Kept {
  value: string | null
  count: number | null
}

export class SqlEphemeral implements Ephemeral {
  readonly #connection: SqlConnection

  readonly #seal: ValueSeal

  constructor(connection: SqlConnection, atRest: AtRest) {
    this.#connection = connection
    this.#seal = new ValueSeal(atRest, 'ephemeral')
  }

  async get(key: string): Promise<string | undefined> {
    return this.#open(key, await this.#run<Kept>('get', [stored(key)]))
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.#run('put', [stored(key), this.#seal.seal(key, value), ttlSeconds])
  }

  async putOnce(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    const { rowCount } = await this.#run('putOnce', [stored(key), this.#seal.seal(key, value), ttlSeconds])
    return rowCount === 1
  }

  async take(key: string): Promise<string | undefined> {
    return this.#open(key, await this.#run<Kept>('take', [stored(key)]))
  }

  async delete(key: string): Promise<void> {
    await this.#run('delete', [stored(key)])
  }

  async increment(key: string, ttlSeconds: number, by = 1): Promise<Counter> {
    const values = [stored(key), by, ttlSeconds]
    const [row] = (await this.#run<{ count: number; seconds: number }>('increment', values)).rows
    if (!row) throw new Error('an increment returned no row')
    return { count: row.count, resetsInSeconds: Math.max(1, Math.ceil(row.seconds)) }
  }

  /** Deletes up to `batchSize` rows that ran out; returns how many went. */
  purge(batchSize: number): Promise<number> {
    return purge(this.#connection, [['ephemeral', EXPIRED]], batchSize)
  }

  #open(key: string, { rows: [row] }: { rows: Kept[] }): string | undefined {
    return row?.count == null ? this.#seal.open(key, row?.value) : String(row.count)
  }

  #run<Row>(operation: keyof typeof SQL, values: unknown[]) {
    return this.#connection.query<Row>({ name: `ephemeral.${operation}`, text: SQL[operation], values })
  }
}

/** The key as the column can hold it: a hash of it where it is long or has characters `text` refuses. */
function stored(key: string): string {
  if (key.length <= MAX_KEY_LENGTH && isStorable(key)) return key
  return `sha256:${createHash('sha256').update(key).digest('base64url')}`
}
