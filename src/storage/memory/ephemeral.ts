import type { Counter, Ephemeral } from '../../domain/ports.ts'

interface Entry {
  value: string
  expiresAt: number
}

const SWEEP_EVERY = 1_000

/** Soft state in one process, for tests and single-process tools. Expired entries are swept as it is written to. */
export class MemoryEphemeral implements Ephemeral {
  readonly #entries = new Map<string, Entry>()
  readonly #now: () => number
  #writes = 0

  /** @param now milliseconds; tests move it */
  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  async get(key: string): Promise<string | undefined> {
    return this.#alive(key)?.value
  }

  async put(key: string, value: string, ttlSeconds: number): Promise<void> {
    this.#write(key, value, this.#now() + ttlSeconds * 1000)
  }

  async putOnce(key: string, value: string, ttlSeconds: number): Promise<boolean> {
    if (this.#alive(key)) return false
    this.#write(key, value, this.#now() + ttlSeconds * 1000)
    return true
  }

  async take(key: string): Promise<string | undefined> {
    const entry = this.#alive(key)
    this.#entries.delete(key)
    return entry?.value
  }

  async delete(key: string): Promise<void> {
    this.#entries.delete(key)
  }

  async increment(key: string, ttlSeconds: number, by = 1): Promise<Counter> {
    const entry = this.#alive(key)
    const count = Math.max((Number(entry?.value) || 0) + by, 0)
    const expiresAt = entry?.expiresAt ?? this.#now() + ttlSeconds * 1000
    this.#write(key, String(count), expiresAt)
    return { count, resetsInSeconds: Math.max(1, Math.ceil((expiresAt - this.#now()) / 1000)) }
  }

  #alive(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    return entry && entry.expiresAt > this.#now() ? entry : undefined
  }

  #write(key: string, value: string, expiresAt: number): void {
    this.#entries.set(key, { value, expiresAt })
    if (++this.#writes % SWEEP_EVERY !== 0) return
    for (const [name, entry] of this.#entries) if (entry.expiresAt <= this.#now()) this.#entries.delete(name)
  }
}
