/**
 * One connection to Postgres of the hot path's own, opened when first used and replaced when it breaks. Its users see to
 * it that one statement is on its way at a time.
 */
import pg from 'pg'
import type { Statement } from './connection.ts'
import { assertWritable, type Connections } from './connections.ts'
import { sqlState } from './rows.ts'

/** After these the connection itself is of no use: its server stops. One that was demoted is left by all (`connections.ts`). */
const DEAD_END = new Set(['57P01', '57P02', '57P03', '57P04', '57P05'])

/** A server that refused a moment ago is not asked again by every request. */
const PAUSE_AFTER_FAILURE_MS = 100

export class Lane {
  readonly #options: pg.ClientConfig
  readonly #connections: Connections
  readonly #patienceMs: number
  #client: Promise<pg.Client> | undefined
  #failedAt = Number.NEGATIVE_INFINITY
  #failure: unknown
  #closed = false
  /** statements on their way */
  busy = 0

  /** @param patienceMs for the answer to a statement */
  constructor(options: pg.ClientConfig, connections: Connections, patienceMs: number) {
    this.#options = options
    this.#connections = connections
    this.#patienceMs = patienceMs
  }

  async run<Row>(statement: Statement): Promise<Row[]> {
    this.busy += 1
    try {
      const client = await this.#connected()
      try {
        return (await client.query(statement)).rows as Row[]
      } catch (error) {
        if (DEAD_END.has(sqlState(error) ?? '')) this.#drop(client)
        throw error
      }
    } finally {
      this.busy -= 1
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const client = await this.#client?.catch(() => undefined)
    await client?.end().catch(() => {})
  }

  async #connected(): Promise<pg.Client> {
    if (this.#closed) throw new Error('Cannot use a pool after calling end on the pool')
    if (this.#client) return this.#client
    if (performance.now() - this.#failedAt < PAUSE_AFTER_FAILURE_MS) throw this.#failure
    const opening = this.#open()
    this.#client = opening
    try {
      return await opening
    } catch (error) {
      if (this.#client === opening) this.#client = undefined
      this.#failedAt = performance.now()
      this.#failure = error
      throw error
    }
  }

  async #open(): Promise<pg.Client> {
    const client = new pg.Client(this.#options)
    this.#connections.add(client, this.#patienceMs)
    // Whoever waits for an answer learns of a break from the query that failed.
    client.on('error', () => this.#drop(client))
    client.on('end', () => this.#drop(client))
    await client.connect()
    try {
      await assertWritable(client)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    return client
  }

  /** The next statement gets a new connection; those on their way end with the old one. */
  #drop(client: pg.Client): void {
    const held = this.#client
    held?.then(
      (current) => {
        if (current !== client || this.#client !== held) return
        this.#client = undefined
        client.end().catch(() => {})
      },
      () => {},
    )
  }
}
