/**
 * Look-ups by key, gathered: what all requests ask for in one turn of the event loop goes out as one statement a table.
 * Knows nothing of requests; what was found is remembered in `unit.ts`, never here.
 */
import { Overloaded } from '../faults.ts'
import type { SqlConnection } from './connection.ts'

/** One way to look rows up: `text` takes an array of keys and names each row's place in it as `n` (from 1). */
export interface Lookup<Row> {
  name: string
  text: string
  /** type only */
  row?: Row
}

interface Asked {
  key: Buffer | string
  found(row: unknown): void
  failed(error: unknown): void
}

/** One statement does not grow without end. */
const MAX_KEYS = 500
/** Beyond this a database that does not keep up is not asked for more. */
const MAX_WAITING = 5_000

export class Loader {
  readonly #connection: SqlConnection
  readonly #asked = new Map<Lookup<unknown>, Asked[]>()
  #waiting = 0
  #scheduled = false

  constructor(connection: SqlConnection) {
    this.#connection = connection
  }

  /** The row of this key. @throws Overloaded when too many wait already; what the database throws */
  load<Row>(lookup: Lookup<Row>, key: Buffer | string): Promise<Row | undefined> {
    if (this.#waiting >= MAX_WAITING) return Promise.reject(new Overloaded('look-ups'))
    return new Promise((found, failed) => {
      const ask = { key, found, failed } as Asked
      const asked = this.#asked.get(lookup)
      if (asked) asked.push(ask)
      else this.#asked.set(lookup, [ask])
      this.#waiting += 1
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => this.#send())
    })
  }

  #send(): void {
    this.#scheduled = false
    for (const [lookup, asked] of this.#asked) {
      for (let from = 0; from < asked.length; from += MAX_KEYS)
        void this.#ask(lookup, asked.slice(from, from + MAX_KEYS))
    }
    this.#asked.clear()
  }

  async #ask(lookup: Lookup<unknown>, asked: Asked[]): Promise<void> {
    try {
      const values = [asked.map(({ key }) => key)]
      const rows = await this.#connection.read<{ n: number }>({
        name: lookup.name,
        text: lookup.text,
        values,
      })
      this.#waiting -= asked.length
      const found = new Map(rows.map((row) => [row.n, row]))
      for (const [index, ask] of asked.entries()) ask.found(found.get(index + 1))
    } catch (error) {
      this.#waiting -= asked.length
      for (const ask of asked) ask.failed(error)
    }
  }
}
