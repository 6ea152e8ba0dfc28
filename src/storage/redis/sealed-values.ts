/** Values in Redis as the database has its own: sealed. */
import type { AtRest } from '../at-rest.ts'
import { ValueSeal } from '../value-seal.ts'
import type { SoftValues } from './values.ts'

export class SealedValues implements SoftValues {
  readonly #values: SoftValues
  readonly #seal: ValueSeal

  constructor(values: SoftValues, atRest: AtRest) {
    this.#values = values
    this.#seal = new ValueSeal(atRest, 'redis')
  }

  async get(key: string): Promise<string | undefined> {
    return this.#seal.open(key, await this.#values.get(key))
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.#values.put(key, this.#seal.seal(key, value), ttlSeconds)
  }

  async take(key: string): Promise<string | undefined> {
    return this.#seal.open(key, await this.#values.take(key))
  }

  async delete(key: string): Promise<void> {
    await this.#values.delete(key)
  }
}
