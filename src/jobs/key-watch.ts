/** Looks for data keys that were added or retired, often enough to have a new one well before it is written with. */
import type { Logger } from '../lib/log.ts'
import { Condition } from './condition.ts'

/** Half of what a new key waits (`ACTIVATION_SECONDS`). */
const EVERY_MS = 30_000
const AFTER_FAULT_MS = 5_000

export class KeyWatch {
  readonly #look: () => Promise<void>
  readonly #everyMs: number
  readonly #condition: Condition
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #stopped = false

  constructor(look: () => Promise<void>, logger: Logger, everyMs = EVERY_MS) {
    this.#look = look
    this.#everyMs = everyMs
    this.#condition = new Condition(logger, 'looking for new data keys')
  }

  start(): void {
    this.#after(this.#everyMs)
  }

  /** Something was said to have changed: looks at once. */
  soon(): void {
    clearTimeout(this.#timer)
    this.#after(0)
  }

  /** Waits for the look in hand. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  #after(ms: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#looking = this.#once().then((pause) => this.#after(pause))
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
