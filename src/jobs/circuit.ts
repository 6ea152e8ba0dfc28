/**
 * Whether something we depend on is worth trying. After a failure: a pause that doubles; then a probe; then one try at
 * a time until one succeeds. Everybody else waits without losing anything.
 */
import type { Condition } from './condition.ts'

export interface CircuitOptions {
  condition: Condition
  /** Whether it answers again. */
  probe(): Promise<boolean>
  firstPauseMs: number
  lastPauseMs: number
}

export class Circuit {
  readonly #options: CircuitOptions
  #failures = 0
  #pausedUntil = 0

  constructor(options: CircuitOptions) {
    this.#options = options
  }

  failed(error: unknown): void {
    this.#options.condition.failed(error)
    this.#pause()
  }

  works(): void {
    this.#options.condition.works()
    this.#failures = 0
    this.#pausedUntil = 0
  }

  /** How many of `wanted` may be tried now that `busy` are under way. */
  async admits(wanted: number, busy: number): Promise<number> {
    if (!this.#options.condition.broken) return wanted
    if (busy > 0 || this.pauseMs() > 0) return 0
    if (await this.#options.probe().catch(() => false)) return Math.min(1, wanted)
    this.#pause()
    return 0
  }

  /** How long nothing is admitted. */
  pauseMs(): number {
    return Math.max(0, this.#pausedUntil - performance.now())
  }

  #pause(): void {
    this.#failures += 1
    this.#pausedUntil =
      performance.now() + doubled(this.#options.firstPauseMs, this.#failures, this.#options.lastPauseMs)
  }
}

/** `first`, twice that, four times that … for the first, second, third time; never more than `last`. */
export function doubled(first: number, times: number, last: number): number {
  return Math.min(last, first * 2 ** Math.min(Math.max(times - 1, 0), 30))
}
