/** Does one thing over and over, first of all looking for keys: every so often, and at once when told to. */
import type { Logger } from '../lib/log.ts'
import { Condition } from './condition.ts'

const AFTER_FAULT_MS = 5_000

export class KeyWatch {
  readonly #look: () => Promise<unknown>
  readonly #everyMs: number
  readonly #condition: Condition
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #told = false
  #stopped = false

  /** @param what it does, as in "`what` failed" */
  constructor(look: () => Promise<unknown>, logger: Logger, what: string, everyMs: number) {
    this.#look = look
    this.#everyMs = everyMs
    this.#condition = new Condition(logger, what)
  }

  start(): void {
    this.#after(this.#everyMs)
  }

  /** Something was said to have changed: looks at once. */
  soon(): void {
    this.#told = true
    // During a look: what it has read may be from before the change.
    if (!this.#looking) this.#after(0)
  }

  /** Waits for the look in hand. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  #after(ms: number): void {
    if (this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#told = false
      this.#looking = this.#once().then((pause) => {
        this.#looking = undefined
        this.#after(this.#told ? 0 : pause)
      })
    }, ms)
  }

  async #once(): Promise<number> {
    try {
      await this.#look()
      this.#condition.works()
      return this.#everyMs
    } catch (error) {
      this.#condition.failed(error)
      return Math.min(AFTER_FAULT_MS, this.#everyMs)
    }
  }
}
