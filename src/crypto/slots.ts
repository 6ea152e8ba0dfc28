/**
 * A few slots for expensive work and a short queue before them. Whoever finds the queue full, or waits too long in it,
 * is sent away at once: memory and waiting stay bounded however many knock.
 */
import { DomainError } from '../domain/errors.ts'

export interface SlotOptions {
  /** at work at once */
  slots: number
  /** waiting at most */
  queue: number
  /** waiting at most this long for a slot */
  deadlineMs: number
}

/** By then a full queue has been worked off. */
const RETRY_AFTER_SECONDS = 3

interface Waiting {
  begin(): void
}

export class Slots {
  readonly #options: SlotOptions
  readonly #queue = new Set<Waiting>()
  #busy = 0

  constructor(options: SlotOptions) {
    if (options.slots < 1 || options.queue < 0) throw new RangeError('at least one slot')
    this.#options = options
  }

  get waiting(): number {
    return this.#queue.size
  }

  get busy(): number {
    return this.#busy
  }

  /** @throws DomainError `busy` when the work was not begun */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter()
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#busy < this.#options.slots) {
      this.#busy += 1
      return
    }
    if (this.#queue.size >= this.#options.queue) throw busy('the queue is full')
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        begin() {
          clearTimeout(timer)
          resolve()
        },
      }
      const timer = setTimeout(() => {
        this.#queue.delete(waiting)
        reject(busy('waited too long'))
      }, this.#options.deadlineMs)
      this.#queue.add(waiting)
    })
  }

  /** The slot goes straight to whoever waits longest, so that nobody can slip in between. */
  #leave(): void {
    const [next] = this.#queue
    if (!next) {
      this.#busy -= 1
      return
    }
    this.#queue.delete(next)
    next.begin()
  }
}

function busy(detail: string): DomainError {
  return new DomainError('busy', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
    detail: `password hashing: ${detail}`,
  })
}
