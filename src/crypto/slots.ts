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

/** Of the places in the queue, what those who came together (from one network) may take: others must have room. */
const SHARE = 0.25

/** By then a full queue has been worked off. */
const RETRY_AFTER_SECONDS = 3

interface Waiting {
  begin(): void
}

export class Slots {
  readonly #options: SlotOptions
  readonly #queue = new Set<Waiting>()
  /** waiting, by who they came with */
  readonly #together = new Map<string, number>()
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

  /**
   * @param from whom the caller came with; without it the whole queue is open
   * @throws DomainError `busy` when the work was not begun
   */
  async run<T>(work: () => Promise<T>, from?: string): Promise<T> {
    await this.#enter(from)
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  async #enter(from: string | undefined): Promise<void> {
    if (this.#busy < this.#options.slots) {
      this.#busy += 1
      return
    }
    if (this.#queue.size >= this.#options.queue) throw busy('the queue is full')
    if (from !== undefined && (this.#together.get(from) ?? 0) >= Math.max(1, this.#options.queue * SHARE))
      throw busy('too many wait from there')
    this.#count(from, 1)
    try {
      await this.#wait()
    } finally {
      this.#count(from, -1)
    }
  }

  async #wait(): Promise<void> {
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

  #count(from: string | undefined, by: number): void {
    if (from === undefined) return
    const now = (this.#together.get(from) ?? 0) + by
    if (now > 0) this.#together.set(from, now)
    else this.#together.delete(from)
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
