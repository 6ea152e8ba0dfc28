/**
 * Look-ups by key, gathered. What all requests ask for in one turn of the event loop, or while earlier statements are on
 * their way, goes out as one statement. Knows nothing of requests; what was found is remembered in `unit.ts`, never here.
 */
import { Overloaded } from '../faults.ts'
import type { SqlConnection, Statement } from './connection.ts'
import { Gate } from './gate.ts'
import { shaped } from './shapes.ts'

/** One way to look things up by a key. */
export interface Lookup {
  name: string
  /** of the keys */
  type: 'bytea' | 'text'
  /**
   * A select of `FOUND_COLUMNS` for the rows of the keys in `x(key, n)`.
   * @param from the array of keys as that table
   */
  select(from: string): string
}

/** What every look-up yields, so that several go out together; what a kind does not have is null. */
export interface Found {
  /** JSON */
  payload: string
  /** the key it is stored under, where it was not looked up by that */
  id: Buffer | null
  consumed_at: Date | null
  seconds_left: number | null
  successor: Buffer | null
  uid: Buffer | null
  authorizations: string | null
}

/** In the order of `Found`, after the place of the key in its array. */
export function foundColumns(columns: Partial<Record<keyof Found, string>> & { payload: string }): string {
  const or = (name: keyof Found, type: string) => `${columns[name] ?? `null::${type}`} as ${name}`
  return `x.n::int as n, ${columns.payload} as payload, ${or('id', 'bytea')}, ${or('consumed_at', 'timestamptz')},
    ${or('seconds_left', 'float8')}, ${or('successor', 'bytea')}, ${or('uid', 'bytea')}, ${or('authorizations', 'text')}`
}

interface Asked {
  key: Buffer | string
  found(row: Found | undefined): void
  failed(error: unknown): void
}

type Row = Found & { kind: number; n: number }

/** One statement does not grow without end. */
const MAX_KEYS = 500
/** Beyond this a database that does not keep up is not asked for more. */
const MAX_WAITING = 5_000

export class Loader {
  readonly #connection: SqlConnection
  /** by look-up, in the order of the first that asked */
  #asked = new Map<Lookup, Asked[]>()
  #waiting = 0
  readonly #gate: Gate
  #scheduled = false

  constructor(connection: SqlConnection) {
    this.#connection = connection
    this.#gate = new Gate(connection.readLanes, () => this.#pump())
  }

  /** The row of this key. @throws Overloaded when too many wait already; what the database throws */
  load(lookup: Lookup, key: Buffer | string): Promise<Found | undefined> {
    if (this.#waiting >= MAX_WAITING) return Promise.reject(new Overloaded('look-ups'))
    return new Promise((found, failed) => {
      const asked = this.#asked.get(lookup)
      if (asked) asked.push({ key, found, failed })
      else this.#asked.set(lookup, [{ key, found, failed }])
      this.#waiting += 1
      if (this.#scheduled) return
      this.#scheduled = true
      setImmediate(() => {
        this.#scheduled = false
        this.#pump()
      })
    })
  }

  #pump(): void {
    while (this.#asked.size > 0 && this.#gate.isOpen()) this.#gate.pass(this.#send(this.#next()))
  }

  #next(): [Lookup, Asked[]][] {
    const batch: [Lookup, Asked[]][] = []
    const left = new Map<Lookup, Asked[]>()
    for (const [lookup, asked] of this.#asked) {
      batch.push([lookup, asked.slice(0, MAX_KEYS)])
      if (asked.length > MAX_KEYS) left.set(lookup, asked.slice(MAX_KEYS))
    }
    this.#asked = left
    // The same kinds make the same statement, whoever asked first.
    return batch.sort(([one], [other]) => (one.name < other.name ? -1 : 1))
  }

  async #send(batch: [Lookup, Asked[]][]): Promise<void> {
    for (const [, asked] of batch) this.#waiting -= asked.length
    try {
      const rows = await this.#connection.read<Row>(this.#statement(batch))
      const answers = batch.map(([, asked]) => new Array<Found | undefined>(asked.length))
      for (const row of rows) (answers[row.kind] as Found[])[row.n - 1] = row
      for (const [kind, [, asked]] of batch.entries())
        for (const [index, ask] of asked.entries()) ask.found(answers[kind]?.[index])
    } catch (error) {
      for (const [, asked] of batch) for (const ask of asked) ask.failed(error)
    }
  }

  #statement(batch: [Lookup, Asked[]][]): Statement {
    const names = batch.map(([{ name }]) => name)
    const shape = shaped('load', names, () =>
      batch
        .map(([lookup], kind) => {
          const from = `unnest($${kind + 1}::${lookup.type}[]) with ordinality as x(key, n)`
          return `select ${kind} as kind, ${lookup.select(from)}`
        })
        .join('\nunion all '),
    )
    return { ...shape, values: batch.map(([, asked]) => asked.map(({ key }) => key)) }
  }
}
