/**
 * argon2id in child processes of low priority, so that people who sign in take no thread of this process' pool and no
 * core from whoever waits for something quick. A child is started when there is work for it, does one hash at a time and
 * is replaced when it dies. How many there are is for the caller to bound (`slots.ts`): as many as it has work under way.
 * No key leaves this process, and nothing is passed on but through the channel between the two.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { DomainError } from '../domain/errors.ts'
import type { Argon2 } from './argon2.ts'
import { type Argon2Parameters, HASH_BYTES } from './phc.ts'

/** What a child is asked: with `phc` whether the input is its, without it for a PHC string of the input. */
type Job =
  | { input: string; phc: string }
  /** one that other software made */
  | { input: string; foreign: string }
  | {
      input: string
      options: { memoryCost: number; timeCost: number; parallelism: number; outputLen: number }
    }
type Answer = { result: string | boolean } | { error: string }

const PROGRAM = fileURLToPath(new URL('hashing-child.mjs', import.meta.url))
/** Whoever takes longer than this for one hash has stopped; nobody waits that long for a sign-in anyway. */
const PATIENCE_MS = 10_000
/** By then another child has started. */
const RETRY_AFTER_SECONDS = 3

export interface Argon2ChildrenOptions {
  /** Told of every child that ended unasked. */
  onDeath?: (reason: string) => void
  /** milliseconds a hash may take before its child counts as stuck */
  patienceMs?: number
}

/** The child ended before it answered; nobody knows how far it came, which does not matter for a hash. */
class ChildGone extends Error {
  override readonly name = 'ChildGone'
}

export class Argon2Children implements Argon2 {
  readonly #onDeath: (reason: string) => void
  readonly #patienceMs: number
  readonly #alive = new Set<HashingChild>()
  /** the one used last is used next: the others may stay asleep */
  readonly #idle: HashingChild[] = []
  #closed = false

  constructor({ onDeath = () => {}, patienceMs = PATIENCE_MS }: Argon2ChildrenOptions = {}) {
    this.#onDeath = onDeath
    this.#patienceMs = patienceMs
  }

  /** Process ids of the children there are now. */
  get pids(): number[] {
    return [...this.#alive].flatMap(({ pid }) => pid ?? [])
  }

  /** @throws DomainError `busy` when two children in turn died of it, or one did not answer */
  async hash(input: string, { memory, passes, lanes }: Argon2Parameters): Promise<string> {
    const options = { memoryCost: memory, timeCost: passes, parallelism: lanes, outputLen: HASH_BYTES }
    return String(await this.#run({ input, options }))
  }

  /** @throws as `hash` does */
  async verify(phc: string, input: string): Promise<boolean> {
    return (await this.#run({ input, phc })) === true
  }

  /** @throws as `hash` does */
  async verifyForeign(foreign: string, password: string): Promise<boolean> {
    return (await this.#run({ input: password, foreign })) === true
  }

  /** Ends the children; work under way ends with `busy`. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#alive].map((child) => child.end()))
  }

  async #run(job: Job): Promise<string | boolean> {
    try {
      return await this.#once(job).catch((error: unknown) => {
        if (!(error instanceof ChildGone)) throw error
        return this.#once(job)
      })
    } catch (error) {
      if (!(error instanceof ChildGone)) throw error
      throw new DomainError('busy', {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        detail: 'password hashing: its process ended',
        cause: error,
      })
    }
  }

  async #once(job: Job): Promise<string | boolean> {
    if (this.#closed) throw new ChildGone('closed')
    const child = this.#idle.pop() ?? this.#start()
    const answer = await child.ask(job, this.#patienceMs)
    if (this.#alive.has(child)) this.#idle.push(child)
    if ('error' in answer) throw new Error(`argon2: ${answer.error}`)
    return answer.result
  }

  #start(): HashingChild {
    const child = new HashingChild((reason) => {
      this.#alive.delete(child)
      const place = this.#idle.indexOf(child)
      if (place >= 0) this.#idle.splice(place, 1)
      if (!this.#closed) this.#onDeath(reason)
    })
    this.#alive.add(child)
    return child
  }
}

/** One child, seen from here. Whatever is wrong with it, it is killed; then its end is what there is to handle. */
class HashingChild {
  readonly #process: ChildProcess
  readonly #ended: Promise<void>
  #waiting: { resolve(answer: Answer): void; reject(error: Error): void } | undefined
  #killed = false

  constructor(onEnd: (reason: string) => void) {
    this.#process = fork(PROGRAM, [], {
      // Nothing of ours: no secret that came by the environment, no inspector, no loader.
      env: {},
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#process.on('message', (answer) => this.#settle(answer as Answer))
    this.#process.on('disconnect', () => this.#kill())
    this.#ended = new Promise((resolve) => {
      const end = (reason: string) => {
        resolve()
        onEnd(reason)
        this.#settle(new ChildGone(reason))
      }
      this.#process.once('exit', (code, signal) => end(`ended with ${signal ?? `code ${code}`}`))
      this.#process.on('error', (error) => {
        // Without a process id it never began, and nothing else will be heard of it.
        if (this.#process.pid === undefined) end(error.message)
        else this.#kill()
      })
    })
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  /** One at a time. Rejects with ChildGone when it ended, with `busy` when it does not answer. */
  async ask(job: Job, patienceMs: number): Promise<Answer> {
    const patience = setTimeout(() => {
      const detail = `password hashing: no answer in ${patienceMs} ms`
      this.#settle(new DomainError('busy', { retryAfterSeconds: RETRY_AFTER_SECONDS, detail }))
      this.#kill()
    }, patienceMs)
    try {
      return await new Promise<Answer>((resolve, reject) => {
        this.#waiting = { resolve, reject }
        // One that could not be started (no file descriptors left) has no channel; its end is about to be told.
        if (!this.#process.connected) return
        this.#process.send(job, (error) => {
          if (error) this.#kill()
        })
      })
    } finally {
      clearTimeout(patience)
    }
  }

  /** At once: it has nothing to put in order. */
  async end(): Promise<void> {
    this.#kill()
    await this.#ended
  }

  #settle(outcome: Answer | Error): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (outcome instanceof Error) waiting?.reject(outcome)
    else waiting?.resolve(outcome)
  }

  #kill(): void {
    if (this.#killed) return
    this.#killed = true
    this.#process.kill('SIGKILL')
  }
}
