/**
 * Values of soft state at rest: sealed, and bound to their store and key. Who can read the store learns nothing from
 * them; who can write to it can take values away, but neither make one up nor move one to another key.
 */
import type { AtRest } from './at-rest.ts'

export class ValueSeal {
  readonly #atRest: AtRest
  readonly #store: string

  constructor(atRest: AtRest, store: string) {
    this.#atRest = atRest
    this.#store = store
  }

  seal(key: string, value: string): string {
    return this.#atRest.seal(this.#placeOf(key), value).toString('base64')
  }

  /** What cannot be opened is as good as lost, which every value of soft state may be. */
  open(key: string, sealed: string | null | undefined): string | undefined {
    if (sealed === null || sealed === undefined) return undefined
    try {
      return this.#atRest.open(this.#placeOf(key), Buffer.from(sealed, 'base64'))
    } catch {
      return undefined
    }
  }

  #placeOf(key: string): string {
    return `${this.#store}|${key}`
  }
}
