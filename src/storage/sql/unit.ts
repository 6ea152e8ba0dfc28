/** One request's unit of work: what it has read, what it will write, what happens once that is written. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { UnitLost, type UnitOfWork, type UnitOptions } from '../unit-of-work.ts'
import type { Committer } from './committer.ts'
import { rowOf, type Write } from './writes.ts'

export class Unit {
  readonly #read = new Map<string, Promise<unknown>>()
  readonly #writes = new Map<string, Write>()
  readonly #effects: (() => void)[] = []
  #loose = 0
  /** what still runs after its request must not write into it */
  closed = false

  /** What was read under this name before; else reads it and remembers it. */
  once<T>(name: string, read: () => Promise<T>): Promise<T> {
    const known = this.#read.get(name)
    if (known) return known as Promise<T>
    const reading = read()
    // Read ahead and never asked for, it fails unheard.
    reading.catch(() => {})
    this.#read.set(name, reading)
    return reading
  }

  /** What was read or written under this name, nothing else. */
  async known<T>(name: string): Promise<T | undefined> {
    return (await this.#read.get(name)) as T | undefined
  }

  /** From here on the request sees this. */
  remember(name: string, value: unknown): void {
    this.#read.set(name, Promise.resolve(value))
  }

  forget(name: string): void {
    this.#read.delete(name)
  }

  /** A later write of the same row replaces an earlier one. */
  write(write: Write): void {
    const row = rowOf(write)
    if (row === undefined) {
      this.#loose += 1
      this.#writes.set(`loose:${this.#loose}`, write)
      return
    }
    const before = this.#writes.get(row)
    if (write.kind === 'guard' && before) return
    if (before && CONDITIONS.has(before.kind) && before.kind !== write.kind)
      throw new Error(`a request cannot ${before.kind} a row and ${write.kind} it`)
    // Replaced in place it would keep the earlier one's turn.
    this.#writes.delete(row)
    this.#writes.set(row, write)
  }

  withdraw(row: string): void {
    this.#writes.delete(row)
  }

  after(effect: () => void): void {
    this.#effects.push(effect)
  }

  writes(): Write[] {
    const all = [...this.#writes.values()]
    // What hangs on a grant goes with it.
    const gone = new Set(
      all.flatMap((it) => (it.kind === 'destroy' && it.model === 'Grant' ? [it.id.toString('latin1')] : [])),
    )
    const needed = all.filter((it) => it.kind !== 'revoke' || !gone.has(it.grant.toString('latin1')))
    // A condition alone has nothing to protect.
    return needed.every((it) => it.kind === 'guard') ? [] : needed
  }

  takeEffects(): (() => void)[] {
    return this.#effects.splice(0)
  }
}

const CONDITIONS = new Set<Write['kind']>(['use', 'claim', 'take'])

export class Units implements UnitOfWork {
  readonly #committer: Committer
  readonly #running = new AsyncLocalStorage<Unit>()

  constructor(committer: Committer) {
    this.#committer = committer
  }

  /** The unit of the request in hand. */
  get current(): Unit | undefined {
    const unit = this.#running.getStore()
    return unit?.closed ? undefined : unit
  }

  async run<T>(work: () => Promise<T>, options: UnitOptions = {}): Promise<T> {
    if (this.current) return work()
    const unit = new Unit()
    try {
      const result = await this.#running.run(unit, work)
      if (options.keep?.() === false) return result
      await this.#commit(unit, options)
      unit.closed = true
      for (const effect of unit.takeEffects()) effect()
      return result
    } finally {
      unit.closed = true
    }
  }

  afterCommit(effect: () => void): void {
    const unit = this.current
    if (unit) unit.after(effect)
    else effect()
  }

  /** Into the unit at hand; outside one, committed at once. */
  async write(...writes: Write[]): Promise<void> {
    const unit = this.current
    if (!unit) return this.#committer.commit(writes)
    for (const write of writes) unit.write(write)
  }

  async #commit(unit: Unit, { onLost }: UnitOptions): Promise<void> {
    const writes = unit.writes()
    if (writes.length === 0) return
    try {
      await this.#committer.commit(writes)
    } catch (error) {
      if (!(error instanceof UnitLost) || !onLost) throw error
      const again = await this.#running.run(unit, () => onLost(error))
      if (!again) throw error
      // What it showed once (a `jti`) was marked as seen by the first try: shown again it would be its own replay.
      const left = unit.writes().filter(({ kind }) => kind !== 'claim')
      if (left.length > 0) await this.#committer.commit(left)
    }
  }
}
