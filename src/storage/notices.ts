/**
 * "Look again now", from any process to all of them: a topic and nothing else. What changed, and that something did,
 * is in the database; who listens also looks by itself every second, so a notice that is lost costs that second.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { doubled } from '../lib/breaker.ts'
import { TOPICS, type Topic } from './changes.ts'

export type Listener = (topic: Topic) => void

export interface Notices {
  /** Tells every process, this one included. Never fails and never waits. */
  publish(topic: Topic): void
  /** @returns the way to stop listening */
  subscribe(listener: Listener): () => void
  close(): Promise<void>
}

/** Those of this process who listen. */
export class Listeners {
  readonly #listeners = new Set<Listener>()

  add(listener: Listener): () => void {
    // one entry for each call, also of the same function
    const entry: Listener = (topic) => listener(topic)
    this.#listeners.add(entry)
    return () => void this.#listeners.delete(entry)
  }

  /** @param topic as it came in: what is none of ours (a newer version's) is passed over */
  tell(topic: string): void {
    const known = TOPICS.find((one) => one === topic)
    if (known) for (const listener of [...this.#listeners]) listener(known)
  }

  /** After time without a connection: whatever was said then was not heard. */
  tellAll(): void {
    for (const topic of TOPICS) this.tell(topic)
  }
}

/** Within one process: for the embedded database, which has no other. */
export class LocalNotices implements Notices {
  readonly #listeners = new Listeners()

  publish(topic: Topic): void {
    // later, as everywhere else: whoever publishes has not finished yet
    setImmediate(() => this.#listeners.tell(topic))
  }

  subscribe(listener: Listener): () => void {
    return this.#listeners.add(listener)
  }

  async close(): Promise<void> {}
}

/** A connection that is heard on. */
export interface Line {
  /** resolves when it is no longer any good */
  ended: Promise<unknown>
  close(): unknown
}

const FIRST_PAUSE_MS = 100
const LAST_PAUSE_MS = 5_000

/**
 * Keeps one line open until it is closed: opens it, waits for its end, opens the next one.
 * @param open connects; its argument counts the attempts
 * @param onError told about the first of several failures in a row
 */
export function keepLine(
  open: (attempt: number) => Promise<Line>,
  onError: (error: Error) => void,
): { close(): Promise<void> } {
  const stop = new AbortController()
  const stopped = new Promise((resolve) => stop.signal.addEventListener('abort', resolve, { once: true }))
  const loop = async () => {
    let failures = 0
    for (let attempt = 0; !stop.signal.aborted; attempt += 1) {
      try {
        const line = await open(attempt)
        failures = 0
        await Promise.race([line.ended, stopped])
        await line.close()
      } catch (error) {
        failures += 1
        if (failures === 1) onError(error as Error)
      }
      const pause = doubled(FIRST_PAUSE_MS, failures, LAST_PAUSE_MS)
      await sleep(pause, undefined, { signal: stop.signal, ref: false }).catch(() => {})
    }
  }
  const done = loop()
  return {
    close() {
      stop.abort()
      return done
    },
  }
}
