/** What one password hash costs, never below the floor, and how many are computed at once. Pure but for counting cores. */
import { availableParallelism } from 'node:os'
import type { Config } from './config.ts'
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'
import { slotsOfEach, workersOf } from './workers.ts'

const DEFAULTS = { memoryKiB: 47_104, iterations: 2 }
/** More at once than cores only take each other's memory bandwidth. */
const MOST_SLOTS_UNASKED = 4
/** In process the hashes use libuv's pool of four threads, and files, DNS and signing need some of it. */
const MOST_SLOTS_IN_PROCESS = 2

/** In every mode: hashes made while trying it out may live on. */
export function checkHashing(settings: Settings, faults: Fault[]): void {
  const fault = (name: keyof Settings, problem: string) => faults.push({ name, problem })
  if ((settings.ARGON2_MEMORY_KIB ?? DEFAULTS.memoryKiB) < 19_456)
    fault('ARGON2_MEMORY_KIB', 'must be at least 19456 (OWASP minimum for argon2id)')
  if ((settings.ARGON2_ITERATIONS ?? DEFAULTS.iterations) < 2)
    fault('ARGON2_ITERATIONS', 'must be at least 2 (OWASP minimum for argon2id)')
}

export function hashingOf(settings: Settings): Config['hashing'] {
  const slots = settings.HASHING_SLOTS ?? Math.min(availableParallelism(), MOST_SLOTS_UNASKED)
  const processes = settings.DATABASE_URL !== undefined
  return {
    memoryKiB: settings.ARGON2_MEMORY_KIB ?? DEFAULTS.memoryKiB,
    iterations: settings.ARGON2_ITERATIONS ?? DEFAULTS.iterations,
    processes,
    slots: processes ? slotsOfEach(slots, workersOf(settings)) : Math.min(slots, MOST_SLOTS_IN_PROCESS),
  }
}
