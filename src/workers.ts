/**
 * Several processes on one port (`WORKERS`), on `node:cluster`: a primary that serves nothing and keeps n places, with
 * a worker in each. Both ends of the line between them are here. What a worker does is in `lifecycle.ts`.
 *
 *   place:  fork -> ready -> (ends by itself) -> pause -> fork …
 *                     |----- SIGHUP: the next one is ready -> "replaced" -> old one ends
 *                     '----- SIGTERM, SIGINT: "announced" to all -> all end -> primary ends
 *
 * The primary holds the listening socket and hands each new connection to a worker. One that a worker no longer takes
 * comes back and goes to another, so replacing a worker loses none.
 */
import cluster, { type Worker } from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config/config.ts'
import type { Logger } from './lib/log.ts'
import type { Farewell } from './server.ts'
import { obeyStopOrders, stopLimitMs } from './stop-orders.ts'

/** A worker that lived this long did not fail to start. */
const STEADY_MS = 10_000
const FIRST_PAUSE_MS = 500
const LAST_PAUSE_MS = 30_000
/** so often in a row in one place, while no other worker is ready, and there is no use in going on */
const MAX_FAILURES = 5
/** beyond what a worker allows itself for its stop */
const KILL_AFTER_MS = 2000

const READY = 'ostiary: ready'

/** The worker's end: undefined in a process without a primary. */
export function primaryOf(): { ready(): void; obey(leave: (farewell: Farewell) => void): void } | undefined {
  if (!cluster.isWorker) return undefined
  return {
    ready: () => void process.send?.(READY),
    obey(leave) {
      process.on('message', (order) => {
        if (order === 'announced' || order === 'replaced') leave(order)
      })
      // A terminal and a service manager signal every process of the group; the order comes from the primary alone.
      for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
    },
  }
}

interface Member {
  worker: Worker
  isReady: boolean
  /** false: it ended before */
  ready: Promise<boolean>
  ended: Promise<{ code: number; signal: string | null; livedMs: number }>
}

interface Place {
  member: Member
  /** a successor that SIGHUP asked for */
  next?: Promise<Member | undefined> | undefined
}

/** The primary: returns when all workers have ended, with the exit code set. */
export async function runWorkers(
  config: Config,
  log: Logger,
  { startedByNpm }: { startedByNpm: boolean },
): Promise<void> {
  await new Primary(config, log).run(startedByNpm)
}

class Primary {
  readonly #config: Config
  readonly #log: Logger
  readonly #members = new Set<Member>()
  readonly #stop = new AbortController()
  #places: Place[] = []
  #replacing = false

  constructor(config: Config, log: Logger) {
    this.#config = config
    this.#log = log
  }

  async run(startedByNpm: boolean): Promise<void> {
    const { workers } = this.#config
    obeyStopOrders({
      stop: (reason) => this.#stopAll(reason),
      atOnce: () => this.#killAll(),
      startedByNpm,
      hangUp: () => void this.#replaceAll(),
    })
    // The first alone: it brings the database up to date and makes the keys, or says once why it cannot.
    const first = this.#fork()
    if (!(await first.ready)) {
      if (this.#stop.signal.aborted) return
      const { code } = await first.ended
      this.#log.error({ exitCode: code }, 'the first worker could not start; nothing is served')
      process.exitCode = code || 1
      return
    }
    const others = Array.from({ length: workers - 1 }, () => this.#fork())
    this.#places = [first, ...others].map((member) => ({ member }))
    void Promise.all(others.map(({ ready }) => ready)).then((all) => {
      if (all.every(Boolean)) this.#log.info({ workers }, 'all workers are ready')
    })
    await Promise.all(this.#places.map((place) => this.#keep(place)))
  }

  get #stopping(): boolean {
    return this.#stop.signal.aborted
  }

  #fork(): Member {
    const began = performance.now()
    const worker = cluster.fork()
    const ended = new Promise<{ code: number; signal: string | null; livedMs: number }>((resolve) => {
      const end = (code: number, signal: string | null) => {
        this.#members.delete(member)
        member.isReady = false
        resolve({ code, signal, livedMs: performance.now() - began })
      }
      worker.once('exit', end)
      worker.once('error', () => end(1, null))
    })
    const said = new Promise<boolean>((resolve) =>
      worker.on('message', (message) => {
        if (message !== READY) return
        member.isReady = true
        resolve(true)
      }),
    )
    const ready = Promise.race([said, ended.then(() => false)])
    const member: Member = { worker, isReady: false, ready, ended }
    this.#members.add(member)
    return member
  }

  /** Sees to it that there is a worker in the place, until the stop. */
  async #keep(place: Place): Promise<void> {
    let failures = 0
    for (;;) {
      const { code, signal, livedMs } = await place.member.ended
      const next = await place.next
      place.next = undefined
      if (next) {
        failures = 0
        place.member = next
        continue
      }
      if (this.#stopping) return
      const { pid } = place.member.worker.process
      failures = livedMs > STEADY_MS ? 0 : failures + 1
      const pauseMs = failures === 0 ? 0 : Math.min(LAST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1))
      this.#log.error(
        { worker: pid, exitCode: code, signal, pauseMs },
        'a worker ended by itself and is replaced',
      )
      if (failures >= MAX_FAILURES && ![...this.#members].some(({ isReady }) => isReady)) {
        this.#log.error({ failures }, 'workers keep ending as soon as they start: given up')
        process.exitCode = 1
        return this.#stopAll('nothing can be served')
      }
      // A stop ends the pause.
      await sleep(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => {})
      if (this.#stopping) return
      place.member = this.#fork()
    }
  }

  /** One after the other: the next one is ready before the old one leaves. */
  async #replaceAll(): Promise<void> {
    if (this.#replacing || this.#stopping || this.#places.length === 0) return
    this.#replacing = true
    this.#log.info({}, 'SIGHUP: the workers are replaced, one after the other')
    let replaced = 0
    for (const place of this.#places) {
      if (this.#stopping || !(await this.#replace(place))) break
      replaced += 1
    }
    this.#replacing = false
    if (replaced === this.#places.length) this.#log.info({}, 'all workers were replaced')
    else if (!this.#stopping)
      this.#log.error({ replaced }, 'a new worker could not start; the old ones stay as they are')
  }

  async #replace(place: Place): Promise<boolean> {
    const old = place.member
    // Ended already: the one that takes its place will be as new.
    if (!this.#members.has(old)) return true
    const fresh = this.#fork()
    place.next = fresh.ready.then((ready) => (ready ? fresh : undefined))
    if (!(await place.next)) {
      place.next = undefined
      return false
    }
    this.#leave(old, 'replaced')
    await old.ended
    return true
  }

  #stopAll(reason: string): void {
    if (this.#stopping) return
    this.#stop.abort()
    this.#log.info({ reason }, 'stopping all workers')
    for (const member of this.#members) this.#leave(member, 'announced')
  }

  /** Tells it to go, and ends it if it does not. */
  #leave(member: Member, farewell: Farewell): void {
    const { worker } = member
    // Its end is noticed as such; that the line broke before is no news.
    if (worker.isConnected()) worker.send(farewell, () => {})
    const late = () => {
      this.#log.error({ worker: worker.process.pid }, 'a worker did not stop in time and is killed')
      worker.process.kill('SIGKILL')
    }
    const timer = setTimeout(late, stopLimitMs(this.#config) + KILL_AFTER_MS)
    void member.ended.then(({ code }) => {
      clearTimeout(timer)
      if (code !== 0 && this.#stopping) process.exitCode = 1
    })
  }

  #killAll(): void {
    this.#log.error({}, 'told to stop once more: the workers are killed')
    for (const { worker } of this.#members) worker.process.kill('SIGKILL')
    process.exit(1)
  }
}
