/**
 * Group commit: units that wait while a commit is on its way form the next one, so that many requests share one
 * statement and one flush of the log. A row is in one statement at a time; of two units that want the same row the
 * second waits for the first's outcome. One bad row cannot fail its neighbours: a statement that failed is repeated
 * unit by unit.
 */
import { type ArtifactModel, ParentGoneError } from '../artifact-store.ts'
import { isUnavailable, Overloaded } from '../faults.ts'
import { UnitLost } from '../unit-of-work.ts'
import { InvalidArtifactError } from './artifact-payload.ts'
import { commitStatement, type LostRow } from './commit-sql.ts'
import type { SqlConnection } from './connection.ts'
import { Gate } from './gate.ts'
import { SQLSTATE, sqlState } from './rows.ts'
import { rowOf, type Write } from './writes.ts'

interface Waiting {
  writes: readonly Write[]
  rows: string[]
  /** monotonic milliseconds */
  since: number
  done(): void
  failed(error: unknown): void
}

const MAX_UNITS = 128
const MAX_WAITING = 2_000
/** Whoever waited this long, and then the time-out of one statement, has been given up by its client. */
const DEADLINE_MS = 4_000

/** Not the fault of the whole statement, although Postgres ended it: somebody else's lock, or a circle of them. */
const LOCKING = new Set(['55P03', '40P01', '40001'])
const TRIES = 3

export class Committer {
  readonly #connection: SqlConnection
  #queue: Waiting[] = []
  /** rows of the statements on their way */
  readonly #taken = new Set<string>()
  readonly #gate: Gate
  #scheduled = false

  constructor(connection: SqlConnection) {
    this.#connection = connection
    this.#gate = new Gate(connection.commitLanes, () => this.#pump())
  }

  /**
   * Resolves when the writes are durable.
   * @throws UnitLost when a condition did not hold; Overloaded; what the database throws
   */
  commit(writes: readonly Write[]): Promise<void> {
    if (this.#queue.length >= MAX_WAITING) return Promise.reject(new Overloaded('commits'))
    return new Promise((done, failed) => {
      const rows = writes.map(rowOf).filter((row) => row !== undefined)
      this.#queue.push({ writes, rows, since: performance.now(), done, failed })
      if (this.#scheduled) return
      this.#scheduled = true
      // Requests of the same turn of the event loop come along.
      setImmediate(() => {
        this.#scheduled = false
        this.#pump()
      })
    })
  }

  #pump(): void {
    // Also while every lane is busy: whoever waited too long is told so now and not when one is free.
    this.#queue = this.#queue.filter((waiting) => !isOverdue(waiting))
    while (this.#queue.length > 0 && this.#gate.isOpen()) {
      const batch = this.#next()
      if (batch.length === 0) return
      const sent = this.#send(batch).finally(() => {
        for (const { rows } of batch) for (const row of rows) this.#taken.delete(row)
      })
      this.#gate.pass(sent)
    }
  }

  /** The longest waiting whose rows nobody has in hand. */
  #next(): Waiting[] {
    const batch: Waiting[] = []
    const left: Waiting[] = []
    for (const waiting of this.#queue) {
      if (batch.length === MAX_UNITS || waiting.rows.some((row) => this.#taken.has(row))) {
        left.push(waiting)
      } else {
        for (const row of waiting.rows) this.#taken.add(row)
        batch.push(waiting)
      }
    }
    this.#queue = left
    return batch
  }

  async #send(batch: Waiting[]): Promise<void> {
    try {
      await this.#commit(batch)
    } catch (error) {
      if (batch.length > 1 && (LOCKING.has(sqlState(error) ?? '') || !isUnavailable(error)))
        for (const waiting of batch) await this.#alone(waiting)
      else if (batch.length === 1) await this.#alone(batch[0] as Waiting, error)
      else for (const waiting of batch) waiting.failed(error)
    }
  }

  async #commit(batch: Waiting[]): Promise<void> {
    const statement = commitStatement(batch.map(({ writes }) => writes))
    const lost = new Map<number, ArtifactModel>()
    for (const { unit, cause } of await this.#connection.commit<LostRow>(statement))
      if (!lost.has(unit)) lost.set(unit, cause)
    batch.forEach((waiting, index) => {
      const cause = lost.get(index)
      if (cause) waiting.failed(new UnitLost(cause))
      else waiting.done()
    })
  }

  /** @param failure of the first try, when there was one */
  async #alone(waiting: Waiting, failure?: unknown): Promise<void> {
    // Of many that wait for one lock, each takes the lock's whole time-out.
    if (failure === undefined && isOverdue(waiting)) return
    let error = failure
    for (let tries = failure === undefined ? 0 : 1; tries < TRIES; tries += 1) {
      if (error !== undefined && !['40P01', '40001'].includes(sqlState(error) ?? '')) break
      try {
        return await this.#commit([waiting])
      } catch (next) {
        error = next
      }
    }
    waiting.failed(translated(error))
  }
}

/** Whether it waited too long; then it has been told. */
function isOverdue({ since, failed }: Waiting): boolean {
  if (performance.now() - since < DEADLINE_MS) return false
  failed(new Overloaded('commits'))
  return true
}

/** What the constraints of the tables mean. */
function translated(error: unknown): unknown {
  switch (sqlState(error)) {
    case SQLSTATE.foreignKey:
      return new ParentGoneError()
    case SQLSTATE.unique:
      return new InvalidArtifactError('the user code is in use', { cause: error })
    case SQLSTATE.untranslatable:
    case SQLSTATE.invalidText:
      return new InvalidArtifactError('a value is no valid Unicode, which cannot be stored', { cause: error })
    default:
      return error
  }
}
