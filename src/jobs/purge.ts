/** Deletes what has expired: every minute, in small batches, so that nobody waits behind it. */
import { setImmediate as breathe } from 'node:timers/promises'
import type { Logger } from '../lib/log.ts'
import { Condition } from './condition.ts'

export interface PurgeTask {
  name: string
  /** Deletes up to `batchSize` rows (of each kind) and answers how many went. */
  purge(batchSize: number): Promise<number>
}

export interface PurgeOptions {
  everyMs: number
  batchSize: number
  /** Batches of one task in one round; the rest waits for the next round. */
  maxBatches: number
}

const DEFAULTS: PurgeOptions = { everyMs: 60_000, batchSize: 1000, maxBatches: 50 }

export class Purge {
  readonly #tasks: { task: PurgeTask; condition: Condition }[]
  readonly #logger: Logger
  readonly #options: PurgeOptions
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> | undefined
  #stopping = false

  constructor(tasks: readonly PurgeTask[], logger: Logger, options: Partial<PurgeOptions> = {}) {
    this.#tasks = tasks.map((task) => ({ task, condition: new Condition(logger, `purging ${task.name}`) }))
    this.#logger = logger
    this.#options = { ...DEFAULTS, ...options }
  }

  start(): void {
    this.#timer ??= setInterval(() => void this.run(), this.#options.everyMs)
  }

  /** One round now; joins the one that is under way. */
  run(): Promise<void> {
    this.#round ??= this.#all().finally(() => {
      this.#round = undefined
    })
    return this.#round
  }

  /** Waits for the batch in hand. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearInterval(this.#timer)
    await this.#round
  }

  async #all(): Promise<void> {
    for (const { task, condition } of this.#tasks) {
      try {
        const removed = await this.#one(task)
        condition.works()
        if (removed > 0) this.#logger.debug({ task: task.name, removed }, 'purged')
      } catch (error) {
        condition.failed(error)
      }
    }
  }

  async #one(task: PurgeTask): Promise<number> {
    let removed = 0
    for (let batch = 0; batch < this.#options.maxBatches && !this.#stopping; batch += 1) {
      const count = await task.purge(this.#options.batchSize)
      removed += count
      if (count === 0) break
      await breathe()
    }
    return removed
  }
}
