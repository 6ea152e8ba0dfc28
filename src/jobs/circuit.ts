/**
 * Whether the work of a queue is worth trying. After a failure: a pause that doubles; then a probe; then one try at a
 * time until one succeeds. Everybody else waits without losing anything.
 */
import { Breaker } from '../lib/breaker.ts'
import type { Condition } from './condition.ts'

export interface CircuitOptions {
  condition: Condition
  /** Whether it answers again. */
  probe(): Promise<boolean>
  firstPauseMs: number
  lastPauseMs: number
}

export class Circuit {
  readonly #condition: Condition
  readonly #probe: () => Promise<boolean>
  readonly #breaker: Breaker

  constructor({ condition, probe, firstPauseMs, lastPauseMs }: CircuitOptions) {
    this.#condition = condition
    this.#probe = probe
    this.#breaker = new Breaker({ failures: 1, withinMs: 0, firstPauseMs, lastPauseMs })
  }

  failed(error: unknown): void {
    this.#condition.failed(error)
    this.#breaker.failed()
  }

  works(): void {
    this.#breaker.succeeded()
    if (this.#breaker.state === 'closed') this.#condition.works()
  }

  /** How many of `wanted` may be tried now that `busy` are under way. */
  async admits(wanted: number, busy: number): Promise<number> {
    if (this.#breaker.state === 'closed') return wanted
    if (busy > 0 || this.pauseMs() > 0) return 0
    if (await this.#probe().catch(() => false)) return Math.min(1, wanted)
    this.#breaker.failed()
    return 0
  }

  /** How long nothing is admitted. */
  pauseMs(): number {
    return this.#breaker.pauseMs()
  }
}
