/** The change counters, asked for when somebody wants them and at most twice a second: an idle process asks nothing. */
import type { Changes, Topic } from '../changes.ts'
import { foundColumns, type Loader, type Lookup } from './loader.ts'

/** Older than this an answer is not given any more. */
const LEASE_MS = 800
/** Older than this it is renewed while it is still given. */
const RENEW_MS = 400

const COUNTERS: Lookup = {
  name: 'change_counters',
  type: 'text',
  select: (from) =>
    `${foundColumns({ payload: 'c.value::text' })} from ${from} join change_counters c on c.topic = x.key`,
}

interface Known {
  value: number
  /** when it was asked for, monotonic milliseconds */
  asOf: number
  renewing: Promise<number> | undefined
}

export class SqlChanges implements Changes {
  readonly #loader: Loader
  readonly #known = new Map<Topic, Known>()

  constructor(loader: Loader) {
    this.#loader = loader
  }

  current(topic: Topic): number | Promise<number> {
    let known = this.#known.get(topic)
    if (!known) {
      known = { value: -1, asOf: Number.NEGATIVE_INFINITY, renewing: undefined }
      this.#known.set(topic, known)
    }
    const age = performance.now() - known.asOf
    if (age < RENEW_MS) return known.value
    const renewing = this.#renew(topic, known)
    if (age >= LEASE_MS) return renewing
    // Whoever needs it when the lease has run out hears of the failure.
    renewing.catch(() => {})
    return known.value
  }

  expire(topic: Topic): void {
    const known = this.#known.get(topic)
    if (!known) return
    known.asOf = Number.NEGATIVE_INFINITY
    // An answer already on its way may be from before the change.
    known.renewing = undefined
  }

  #renew(topic: Topic, known: Known): Promise<number> {
    if (known.renewing) return known.renewing
    const asOf = performance.now()
    const renewing = this.#loader
      .load(COUNTERS, topic)
      .then((row) => {
        const value = Number(row?.payload ?? 0)
        if (known.renewing === renewing) Object.assign(known, { value, asOf })
        return value
      })
      .finally(() => {
        if (known.renewing === renewing) known.renewing = undefined
      })
    known.renewing = renewing
    return renewing
  }
}
