/**
 * What Redis may cost: 50 ms a call, and after five failures within a minute nothing at all for half a minute. Nobody
 * who calls through here sees an error; they learn that there is no answer, and whether the call may have run.
 */
import { Breaker, type BreakerOptions, type BreakerState } from '../../lib/breaker.ts'

const BUDGET_MS = 50
/** the part of it that a process which was busy itself gets to read an answer that is long there */
const READING_MS = 10
const LIMITS: BreakerOptions = { failures: 5, withinMs: 60_000, firstPauseMs: 30_000, lastPauseMs: 30_000 }

export type Outcome<T> =
  | { answered: true; value: T }
  /** `mayHaveRun`: it was sent, and nobody can say what became of it */
  | { answered: false; mayHaveRun: boolean }

export class Guard {
  readonly #breaker: Breaker

  /**
   * @param onOpen told when Redis is left out
   * @param limits for tests, which have less time
   */
  constructor(onOpen: (error: Error) => void, limits: Partial<BreakerOptions> = {}) {
    this.#breaker = new Breaker({
      ...LIMITS,
      ...limits,
      onOpen: (cause) => onOpen(new Error('Redis fails: the database does its work meanwhile', { cause })),
    })
  }

  get state(): BreakerState {
    return this.#breaker.state
  }

  async call<T>(work: () => Promise<T>): Promise<Outcome<T>> {
    if (!this.#breaker.admits()) return { answered: false, mayHaveRun: false }
    try {
      const value = await withinBudget(work())
      this.#breaker.succeeded()
      return { answered: true, value }
    } catch (error) {
      this.#breaker.failed(error)
      return { answered: false, mayHaveRun: !wasRefused(error) }
    }
  }
}

/** @throws what `work` throws, or that it took too long; then `work` goes on unheard */
async function withinBudget<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {})
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    const giveUp = () => reject(new Error('Redis did not answer in time'))
    timer = setTimeout(() => {
      timer = setTimeout(giveUp, READING_MS)
    }, BUDGET_MS - READING_MS)
  })
  try {
    return await Promise.race([work, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

/** The server said no, or there was no connection to write to: it has certainly not run. */
function wasRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (
    error.name === 'ReplyError' || / isn't (?:ready|writeable) and enableOfflineQueue/.test(error.message)
  )
}
