/**
 * Takes rows of one kind from the outbox and runs them, a few at once, until each is done or given up. A row is leased: if
 * this process dies, another takes it when the lease is over, so everything is done at least once. Kinds know nothing of
 * each other; rows for one application (if the kind has such) are done one after the other, so that one that is slow
 * keeps only its own waiting.
 *
 *   waiting --claim--> leased --ran--------------------> gone
 *      ^                  |----failed: back-off --------> waiting
 *      |                  |----permanent, or the last try -> dead letter
 *      '--lease is over---'
 *
 * When nothing at all of the kind can be done (`outage`), claiming stops and the transport is probed instead: the rows that
 * wait lose none of their tries and are done as soon as it ends.
 */
import type { OutboxKind } from '../domain/outbox.ts'
import type { OutboxRepository, OutboxRow } from '../domain/ports.ts'
import { doubled } from '../lib/breaker.ts'
import type { Logger } from '../lib/log.ts'
import { Circuit } from './circuit.ts'
import { Condition, reasonOf } from './condition.ts'

/** What one kind of work needs. */
export interface Work<K extends OutboxKind> {
  kind: K
  /** Runs one row; throws when it has to be tried again. */
  run(row: OutboxRow<K>): Promise<void>
  /** `outage`: nothing at all can be done now, which is no fault of the row; `permanent`: no try will help. */
  judge(error: unknown, row: OutboxRow<K>): 'temporary' | 'permanent' | 'outage'
  /** Whether the transport works again after an outage. */
  probe(): Promise<boolean>
  /** the application a row is for */
  laneOf?(row: OutboxRow<K>): string
  /** for the log: what the row is about, without a secret */
  factsOf(row: OutboxRow<K>): object
  words: {
    /** as in "reading … failed" */
    reading: string
    /** as in "… failed" */
    doing: string
    givenUp: string
    again: string
    unrecorded: string
  }
}

export interface OutboxWorkerDeps<K extends OutboxKind> {
  outbox: OutboxRepository
  work: Work<K>
  logger: Logger
  /** [0, 1): spreads retries */
  jitter?: () => number
}

export interface OutboxWorkerOptions {
  /** rows in hand at once */
  concurrency: number
  /** how long a row is ours; longer than any run takes */
  leaseSeconds: number
  /** look for due rows this often even if nobody pokes */
  pollMs: number
  /** how long after a poke to look; at random where the time of what was asked for must not tell what is done for it */
  pokedMs: () => number
  firstRetrySeconds: number
  lastRetrySeconds: number
  maxAttempts: number
  /** first and longest pause while the database or the transport is away */
  awayFirstMs: number
  awayLastMs: number
}

const DEFAULTS: OutboxWorkerOptions = {
  concurrency: 2,
  leaseSeconds: 120,
  pollMs: 2000,
  pokedMs: () => 0,
  firstRetrySeconds: 5,
  lastRetrySeconds: 600,
  maxAttempts: 12,
  awayFirstMs: 500,
  awayLastMs: 15_000,
}

/** Tries to write down how a row ended; after that its lease runs out and the work is done a second time. */
const SETTLE_TRIES = 5

export class OutboxWorker<K extends OutboxKind> {
  readonly #deps: OutboxWorkerDeps<K>
  readonly #options: OutboxWorkerOptions
  readonly #database: Condition
  readonly #transport: Circuit
  readonly #inHand = new Map<Promise<void>, string | undefined>()
  #loop: Promise<void> | undefined
  #stopping = false
  #poked = false
  #soon: NodeJS.Timeout | undefined
  #wake: () => void = () => {}
  /** rounds in a row in which the database did not answer */
  #lostRounds = 0

  constructor(deps: OutboxWorkerDeps<K>, options: Partial<OutboxWorkerOptions> = {}) {
    this.#deps = deps
    this.#options = { ...DEFAULTS, ...options }
    this.#database = new Condition(deps.logger, `reading ${deps.work.words.reading}`)
    this.#transport = new Circuit({
      condition: new Condition(deps.logger, deps.work.words.doing),
      probe: () => deps.work.probe(),
      firstPauseMs: this.#options.awayFirstMs,
      lastPauseMs: this.#options.awayLastMs,
    })
  }

  start(): void {
    this.#loop ??= this.#work()
  }

  /** Something was just committed to the outbox: look now, or soon. */
  poke(): void {
    const milliseconds = this.#options.pokedMs()
    if (milliseconds === 0) this.#look()
    else
      this.#soon ??= setTimeout(() => {
        this.#soon = undefined
        this.#look()
      }, milliseconds)
  }

  #look(): void {
    this.#poked = true
    // while nothing can be sent there is nothing to look for
    if (this.#transport.pauseMs() === 0) this.#wake()
  }

  /** Takes nothing more and waits for what is in hand. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#soon)
    this.#wake()
    await this.#loop
    await Promise.all(this.#inHand.keys())
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      const milliseconds = await this.#round()
      if (!this.#stopping) await this.#rest(milliseconds)
    }
  }

  /** Takes what there is room for; answers how long to rest. */
  async #round(): Promise<number> {
    const { concurrency, pollMs, awayFirstMs, awayLastMs } = this.#options
    this.#poked = false
    const room = await this.#transport.admits(concurrency - this.#inHand.size, this.#inHand.size)
    if (room <= 0 || this.#stopping) return this.#transport.pauseMs() || pollMs
    try {
      await this.#take(room)
      this.#database.works()
      this.#lostRounds = 0
      return pollMs
    } catch (error) {
      this.#database.failed(error)
      this.#lostRounds += 1
      return doubled(awayFirstMs, this.#lostRounds, awayLastMs)
    }
  }

  /** With lanes one row at a time, each of an application that has none in hand. */
  async #take(room: number): Promise<void> {
    const { outbox, work } = this.#deps
    const most = work.laneOf ? 1 : room
    for (let left = room; left > 0 && !this.#stopping; left -= most) {
      const busy = [...this.#inHand.values()].filter((lane) => lane !== undefined)
      const rows = await outbox.claim(work.kind, most, this.#options.leaseSeconds, busy)
      for (const row of rows) this.#begin(row)
      if (rows.length < most) return
    }
  }

  /** Until the time is over or somebody pokes; a poke since the round began counts. */
  async #rest(milliseconds: number): Promise<void> {
    if (this.#poked && this.#transport.pauseMs() === 0) return
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  #begin(row: OutboxRow<K>): void {
    const work = this.#runOne(row).finally(() => {
      this.#inHand.delete(work)
      this.#look()
    })
    this.#inHand.set(work, this.#deps.work.laneOf?.(row))
  }

  async #runOne(row: OutboxRow<K>): Promise<void> {
    const { outbox } = this.#deps
    try {
      await this.#deps.work.run(row)
    } catch (error) {
      return await this.#settle(row, this.#verdict(row, error))
    }
    this.#transport.works()
    await this.#settle(row, () => outbox.done(row.id))
  }

  /** What becomes of a row that failed. */
  #verdict(row: OutboxRow<K>, error: unknown): () => Promise<void> {
    const { outbox, logger, work } = this.#deps
    const reason = reasonOf(error)
    const fields = { ...work.factsOf(row), id: row.id, attempts: row.attempts, reason }
    const failure = work.judge(error, row)
    if (failure === 'outage') this.#transport.failed(error)
    // it spoke to us about this very row
    if (failure === 'permanent') this.#transport.works()
    // an outage is no fault of the row: it is never the reason to give one up
    if (failure === 'permanent' || (failure === 'temporary' && row.attempts >= this.#options.maxAttempts)) {
      logger.error(fields, work.words.givenUp)
      return () => outbox.bury(row.id, reason)
    }
    const afterSeconds = this.#backOff(row.attempts)
    logger.debug({ ...fields, afterSeconds }, work.words.again)
    return () => outbox.retry(row.id, afterSeconds, reason)
  }

  #backOff(attempts: number): number {
    const { firstRetrySeconds, lastRetrySeconds } = this.#options
    const whole = doubled(firstRetrySeconds, attempts, lastRetrySeconds)
    const spread = 0.25 * (this.#deps.jitter ?? Math.random)()
    return Math.max(1, Math.round(whole * (1 - spread)))
  }

  async #settle(row: OutboxRow<K>, write: () => Promise<void>): Promise<void> {
    for (let tries = 1; tries <= SETTLE_TRIES; tries += 1) {
      try {
        return await write()
      } catch (error) {
        this.#database.failed(error)
        if (this.#stopping) break
        await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** tries))
      }
    }
    const { logger, work } = this.#deps
    logger.warn({ ...work.factsOf(row), id: row.id }, work.words.unrecorded)
  }
}
