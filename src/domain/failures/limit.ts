/**
 * How many failures are kept: some per network, per client and in all in each minute, counted in this process. What is
 * beyond is dropped and counted, so a flood of bad requests costs a look at three numbers and no row.
 */
import { networkOf } from '../protection/throttle.ts'

export interface FailureLimits {
  perNetwork: number
  perClient: number
  inAll: number
}

export const FAILURE_LIMITS: FailureLimits = { perNetwork: 20, perClient: 30, inAll: 60 }

const MINUTE_MS = 60_000

export class FailureLimit {
  readonly #limits: FailureLimits
  #minute = 0
  #total = 0
  #dropped = 0
  readonly #counts = new Map<string, number>()

  constructor(limits: FailureLimits) {
    this.#limits = limits
  }

  /**
   * Whether one more may be kept; then it is counted.
   * @param client id of a client that exists; names that are made up share the network's count
   */
  admit(now: Date, ip: string, client: string | undefined): boolean {
    this.#turn(now)
    const network = `net:${networkOf(ip)}`
    const known = client === undefined ? undefined : `client:${client}`
    const isFull =
      this.#total >= this.#limits.inAll ||
      (this.#counts.get(network) ?? 0) >= this.#limits.perNetwork ||
      (known !== undefined && (this.#counts.get(known) ?? 0) >= this.#limits.perClient)
    if (isFull) {
      this.#dropped += 1
      return false
    }
    this.#total += 1
    for (const key of [network, known])
      if (key !== undefined) this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    return true
  }

  /** How many were dropped since it was last asked. */
  takeDropped(): number {
    const dropped = this.#dropped
    this.#dropped = 0
    return dropped
  }

  #turn(now: Date): void {
    const minute = Math.floor(now.getTime() / MINUTE_MS)
    if (minute === this.#minute) return
    this.#minute = minute
    this.#total = 0
    this.#counts.clear()
  }
}
