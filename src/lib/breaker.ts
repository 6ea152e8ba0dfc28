/**
 * Whether something that fails is worth trying. Enough failures within a while open the breaker; nothing is tried for
 * a pause; then one try decides: it closes the breaker, or begins the next pause.
 *
 *   closed --`failures` within `withinMs`--> open --pause over--> half-open --a try works--> closed
 *                                             ^------the try fails-----'
 *
 * It counts and decides; it neither makes the calls nor knows what they are.
 */
export type BreakerState = 'closed' | 'open' | 'half-open'

export interface BreakerOptions {
  failures: number
  withinMs: number
  /** the first pause; each further one is twice as long, up to the last */
  firstPauseMs: number
  lastPauseMs: number
  /** told each time it opens from closed, with the failure that did it */
  onOpen?: (error: unknown) => void
  /** milliseconds; tests move it */
  now?: () => number
}

export class Breaker {
  readonly #options: BreakerOptions
  readonly #now: () => number
  /** when the failures were that count, while closed */
  #failures: number[] = []
  #pauses = 0
  #pausedUntil = 0
  #trying = false

  constructor(options: BreakerOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  get state(): BreakerState {
    if (this.#pauses === 0) return 'closed'
    return this.pauseMs() > 0 ? 'open' : 'half-open'
  }

  /** Whether to try now; of any number in half-open, one. Whoever is admitted must report how it went. */
  admits(): boolean {
    const { state } = this
    if (state === 'closed') return true
    if (state === 'open' || this.#trying) return false
    this.#trying = true
    return true
  }

  /** A success that comes late, while open, proves nothing about now. */
  succeeded(): void {
    if (this.state !== 'half-open') return
    this.#pauses = 0
    this.#trying = false
  }

  /** The try came to nothing that could tell: another may be made. */
  abandoned(): void {
    this.#trying = false
  }

  failed(error?: unknown): void {
    const { state } = this
    // those still under way when it opened
    if (state === 'open') return
    if (state === 'half-open') {
      this.#pause()
      return
    }
    const { failures, withinMs, onOpen } = this.#options
    const now = this.#now()
    this.#failures = [...this.#failures.filter((at) => at > now - withinMs), now]
    if (this.#failures.length < failures) return
    this.#pause()
    onOpen?.(error)
  }

  /** How long nothing is tried. */
  pauseMs(): number {
    return Math.max(0, this.#pausedUntil - this.#now())
  }

  #pause(): void {
    const { firstPauseMs, lastPauseMs } = this.#options
    this.#pauses += 1
    this.#pausedUntil = this.#now() + doubled(firstPauseMs, this.#pauses, lastPauseMs)
    this.#failures = []
    this.#trying = false
  }
}

/** `first`, twice that, four times that … for the first, second, third time; never more than `last`. */
export function doubled(first: number, times: number, last: number): number {
  return Math.min(last, first * 2 ** Math.min(Math.max(times - 1, 0), 30))
}
