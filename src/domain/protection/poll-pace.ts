/**
 * How often one may ask whether a person has answered yet (RFC 8628 3.5): every five seconds, and five more after each
 * time it was too soon. Counted in the store all nodes share.
 */
import type { Ephemeral } from '../ports.ts'

/** seconds, told as `interval` */
export const POLL_INTERVAL = 5
/** seconds; the answer to a poll travels, and the next one may travel faster */
const TOLERANCE = 1

export class PollPace {
  readonly #ephemeral: Ephemeral

  constructor(ephemeral: Ephemeral) {
    this.#ephemeral = ephemeral
  }

  /**
   * Counts one poll; whether it came too soon. Of two at the same moment one does.
   * @param code a digest of what is polled for
   * @param lifetimeSeconds of the code
   */
  async isTooSoon(code: string, lifetimeSeconds: number): Promise<boolean> {
    const slowed = `poll:slowed:${code}`
    const { count: times } = await this.#ephemeral.increment(slowed, lifetimeSeconds, 0)
    // Another may be about to begin a longer wait; whatever the count says by then, the last good poll holds its five.
    const inTime = (await this.#pollsSince(code, times)) === 1
    if (inTime && (await this.#ephemeral.putOnce(`poll:good:${code}`, '1', POLL_INTERVAL - TOLERANCE)))
      return false
    const { count: more } = await this.#ephemeral.increment(slowed, lifetimeSeconds)
    // The longer wait begins now.
    await this.#pollsSince(code, more)
    return true
  }

  /** Each wait has a counter of its own, which lives for as long as the wait. */
  async #pollsSince(code: string, times: number): Promise<number> {
    const seconds = POLL_INTERVAL * (1 + times) - TOLERANCE
    return (await this.#ephemeral.increment(`poll:${times}:${code}`, seconds)).count
  }
}
