/**
 * Soft state with Redis in front of the database. What may be lost is in Redis, and in the database while Redis does
 * not answer; what must be right although Redis is flushed, cut off or slow is never there:
 *
 *   get put take delete   Redis; without an answer from it, the database
 *   putOnce increment     the database: a flush must give nobody fresh tries, and nobody a second first time
 *
 * A value that is put is in one of the two, never in both, so at most one caller takes it. When nobody can say whether
 * Redis has it, it is not put a second time: lost means "try again", twice would be a hole. After an outage a value
 * replaced or deleted meanwhile may be found once more; what must not come back belongs into a table of its own.
 */
import type { Counter, Ephemeral } from '../../domain/ports.ts'
import type { Guard } from './guard.ts'
import type { SoftValues } from './values.ts'

export interface RedisEphemeralParts {
  values: SoftValues
  guard: Guard
  /** the database's */
  rows: Ephemeral
}

export class RedisEphemeral implements Ephemeral {
  readonly #values: SoftValues
  readonly #guard: Guard
  readonly #rows: Ephemeral

  constructor({ values, guard, rows }: RedisEphemeralParts) {
    this.#values = values
    this.#guard = guard
    this.#rows = rows
  }

  async get(key: string): Promise<string | undefined> {
    const found = await this.#guard.call(() => this.#values.get(key))
    if (found.answered && found.value !== undefined) return found.value
    // Put there while Redis was away, or by a process that does not reach it.
    return this.#rows.get(key)
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    const done = await this.#guard.call(() => this.#values.put(key, value, ttlSeconds))
    if (!done.answered && !done.mayHaveRun) await this.#rows.put(key, value, ttlSeconds)
  }

  async take(key: string): Promise<string | undefined> {
    const taken = await this.#guard.call(() => this.#values.take(key))
    if (taken.answered && taken.value !== undefined) return taken.value
    return this.#rows.take(key)
  }

  async delete(key: string): Promise<void> {
    await Promise.all([this.#guard.call(() => this.#values.delete(key)), this.#rows.delete(key)])
  }

  putOnce(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    return this.#rows.putOnce(key, value, ttlSeconds)
  }

  increment(key: string, ttlSeconds: number, by?: number): Promise<Counter> {
    return this.#rows.increment(key, ttlSeconds, by)
  }
}
