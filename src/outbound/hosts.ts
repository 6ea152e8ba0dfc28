/**
 * How the hosts we call are doing, each at one path: a breaker each, for those that failed lately. A bounded number of them is kept; the
 * one that was not asked for longest is forgotten first.
 */
import { Breaker, type BreakerState } from '../lib/breaker.ts'

const FAILURES = 5
const WITHIN_MS = 60_000
const PAUSE_MS = 30_000

export interface HostsOptions {
  /** hosts remembered at most */
  most?: number
  /** told each time a host is left alone from now on */
  onOpen?: ((host: string, error: unknown) => void) | undefined
  /** milliseconds; tests move it */
  now?: (() => number) | undefined
}

export class Hosts {
  readonly #options: HostsOptions
  readonly #breakers = new Map<string, Breaker>()

  constructor(options: HostsOptions = {}) {
    this.#options = options
  }

  /** Whether to try now. Whoever is admitted must report: `worked`, `failed` or `abandoned`. */
  admits(host: string): boolean {
    return this.#find(host)?.admits() ?? true
  }

  worked(host: string): void {
    this.#find(host)?.succeeded()
  }

  failed(host: string, error: unknown): void {
    const breaker = this.#find(host) ?? this.#add(host)
    breaker.failed(error)
  }

  /** Not tried after all. */
  abandoned(host: string): void {
    this.#find(host)?.abandoned()
  }

  states(): { host: string; state: BreakerState }[] {
    return [...this.#breakers].map(([host, { state }]) => ({ host, state }))
  }

  #find(host: string): Breaker | undefined {
    const breaker = this.#breakers.get(host)
    if (breaker) {
      this.#breakers.delete(host)
      this.#breakers.set(host, breaker)
    }
    return breaker
  }

  #add(host: string): Breaker {
    const { most = 1000, onOpen, now } = this.#options
    const breaker = new Breaker({
      ...{ failures: FAILURES, withinMs: WITHIN_MS, firstPauseMs: PAUSE_MS, lastPauseMs: PAUSE_MS },
      onOpen: (error) => onOpen?.(host, error),
      ...(now ? { now } : {}),
    })
    this.#breakers.set(host, breaker)
    const [oldest] = this.#breakers.keys()
    if (this.#breakers.size > most && oldest !== undefined) this.#breakers.delete(oldest)
    return breaker
  }
}
