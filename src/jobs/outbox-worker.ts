/**
 * Takes rows from the outbox and runs them, a few at once, until each is done or given up. A row is leased: if this
 * process dies, another takes it when the lease is over, so every mail goes out at least once.
 *
 *   waiting --claim--> leased --ran--------------------> gone
 *      ^                  |----failed: back-off --------> waiting
 *      |                  |----permanent, or 12 tries --> dead letter
 *      '--lease is over---'
 *
 * When nothing at all can be sent (`outage`), claiming stops and the transport is probed instead: the mails that wait
 * lose none of their tries and go out as soon as it ends.
 */
import type { OutboxRepository, OutboxRow } from '../domain/ports.ts'
import { doubled } from '../lib/breaker.ts'
import type { Logger } from '../lib/log.ts'
import { MailError } from '../mail/transport.ts'
import { Circuit } from './circuit.ts'
import { Condition, reasonOf } from './condition.ts'

export interface OutboxWorkerDeps {
  outbox: OutboxRepository
  /** Runs one row; throws when it has to be tried again. */
  run(row: OutboxRow): Promise<void>
  /** Whether the transport works again after an outage. */
  probe(): Promise<boolean>
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
  firstRetrySeconds: 5,
  lastRetrySeconds: 600,
  maxAttempts: 12,
  awayFirstMs: 500,
  awayLastMs: 15_000,
}

/** Tries to write down how a row ended; after that its lease runs out and the work is done a second time. */
const SETTLE_TRIES = 5

export class OutboxWorker {
  readonly #deps: OutboxWorkerDeps
  readonly #options: OutboxWorkerOptions
  readonly #database: Condition
  readonly #transport: Circuit
  readonly #inHand = new Set<Promise<void>>()
  #loop: Promise<void> | undefined
  #stopping = false
  #poked = false
  #wake: () => void = () => {}
  /** rounds in a row in which the database did not answer */
  #lostRounds = 0

  constructor(deps: OutboxWorkerDeps, options: Partial<OutboxWorkerOptions> = {}) {
    this.#deps = deps
    this.#options = { ...DEFAULTS, ...options }
    this.#database = new Condition(deps.logger, 'reading the outbox')
    this.#transport = new Circuit({
      condition: new Condition(deps.logger, 'sending mail'),
      probe: deps.probe,
      firstPauseMs: this.#options.awayFirstMs,
      lastPauseMs: this.#options.awayLastMs,
    })
  }

  start(): void {
    this.#loop ??= this.#work()
  }

  /** Something was just committed to the outbox (or a row in hand is finished): look now. */
  poke(): void {
    this.#poked = true
    // while nothing can be sent there is nothing to look for
    if (this.#transport.pauseMs() === 0) this.#wake()
  }

  /** Takes nothing more and waits for what is in hand. */
  async stop(): Promise<void> {
    this.#stopping = true
    this.#wake()
    await this.#loop
    await Promise.all(this.#inHand)
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      const milliseconds = await this.#round()
      if (!this.#stopping) await this.#rest(milliseconds)
    }
  }

  /** Takes what there is room for; answers how long to rest. */
  async #round(): Promise<number> {
    const { concurrency, leaseSeconds, pollMs, awayFirstMs, awayLastMs } = this.#options
    this.#poked = false
    const room = await this.#transport.admits(concurrency - this.#inHand.size, this.#inHand.size)
    if (room <= 0 || this.#stopping) return this.#transport.pauseMs() || pollMs
    try {
      const rows = await this.#deps.outbox.claim(room, leaseSeconds)
      this.#database.works()
      this.#lostRounds = 0
      for (const row of rows) this.#begin(row)
      return pollMs
    } catch (error) {
      this.#database.failed(error)
      this.#lostRounds += 1
      return doubled(awayFirstMs, this.#lostRounds, awayLastMs)
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

  #begin(row: OutboxRow): void {
    const work = this.#runOne(row).finally(() => {
      this.#inHand.delete(work)
      this.poke()
    })
    this.#inHand.add(work)
  }

  async #runOne(row: OutboxRow): Promise<void> {
    const { outbox } = this.#deps
    try {
      await this.#deps.run(row)
    } catch (error) {
      return await this.#settle(row, this.#verdict(row, error))
    }
    this.#transport.works()
    await this.#settle(row, () => outbox.done(row.id))
  }

  /** What becomes of a row that failed. */
  #verdict(row: OutboxRow, error: unknown): () => Promise<void> {
    const { outbox, logger } = this.#deps
    const reason = reasonOf(error)
    const fields = { job: row.job.template, id: row.id, attempts: row.attempts, reason }
    const failure = error instanceof MailError ? error.failure : 'temporary'
    if (failure === 'outage') this.#transport.failed(error)
    // the server spoke to us about this very mail
    if (failure === 'permanent') this.#transport.works()
    // an outage is no fault of the mail: it is never the reason to give one up
    if (failure === 'permanent' || (failure === 'temporary' && row.attempts >= this.#options.maxAttempts)) {
      logger.error(fields, 'a mail was given up')
      return () => outbox.bury(row.id, reason)
    }
    const afterSeconds = this.#backOff(row.attempts)
    logger.debug({ ...fields, afterSeconds }, 'a mail will be tried again')
    return () => outbox.retry(row.id, afterSeconds, reason)
  }

  #backOff(attempts: number): number {
    const { firstRetrySeconds, lastRetrySeconds } = this.#options
    const whole = doubled(firstRetrySeconds, attempts, lastRetrySeconds)
    const spread = 0.25 * (this.#deps.jitter ?? Math.random)()
    return Math.max(1, Math.round(whole * (1 - spread)))
  }

  async #settle(row: OutboxRow, write: () => Promise<void>): Promise<void> {
    for (let tries = 1; tries <= SETTLE_TRIES; tries += 1) {
      try {
        return await write()
      } catch (error) {
        this.#database.failed(error)
        if (this.#stopping) break
        await new Promise((resolve) => setTimeout(resolve, 200 * 2 ** tries))
      }
    }
    this.#deps.logger.warn({ job: row.job.template, id: row.id }, 'a finished mail could not be recorded')
  }
}
