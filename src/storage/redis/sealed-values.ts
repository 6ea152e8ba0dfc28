/**
 * Values in Redis as the database has its own: sealed, and bound to their key. Who can read Redis learns nothing from
 * them, and who can write to it can take values away but neither make one up nor move one to another key. What cannot
 * be opened is as good as lost, which every value here may be.
 */
import type { AtRest } from '../at-rest.ts'
import type { SoftValues } from './values.ts'

export class SealedValues implements SoftValues {
  readonly #values: SoftValues
  readonly #atRest: AtRest

  constructor(values: SoftValues, atRest: AtRest) {
    this.#values = values
    this.#atRest = atRest
  }

  async get(key: string): Promise<string | undefined> {
    return this.#open(key, await this.#values.get(key))
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.#values.put(key, this.#atRest.seal(placeOf(key), value).toString('base64'), ttlSeconds)
  }

  async take(key: string): Promise<string | undefined> {
    return this.#open(key, await this.#values.take(key))
  }

  async delete(key: string): Promise<void> {
    await this.#values.delete(key)
  }

  #open(key: string, sealed: string | undefined): string | undefined {
    if (sealed === undefined) return undefined
    try {
      return this.#atRest.open(placeOf(key), Buffer.from(sealed, 'base64'))
    } catch {
      return undefined
    }
  }
}

const placeOf = (key: string) => `redis|${key}`
