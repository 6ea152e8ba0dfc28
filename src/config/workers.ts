/** How many processes serve the port (`WORKERS`), who may have several, and what each of them gets. Pure. */
import { availableParallelism } from 'node:os'
import type { Fault } from './read-env.ts'
import type { Settings } from './schema.ts'

/** @returns at least 1; `auto` is one for each core this process may use */
export function workersOf({ WORKERS }: Settings): number {
  return WORKERS === 'auto' ? availableParallelism() : Number(WORKERS ?? 1)
}

/** The same on every machine: `auto` is refused where several would be, although there may be one core only. */
export function checkWorkers({ WORKERS, DATABASE_URL, ISSUER }: Settings, faults: Fault[]): void {
  if (WORKERS === undefined || WORKERS === '1') return
  const problem = !DATABASE_URL
    ? 'needs DATABASE_URL: the embedded database serves one process'
    : !ISSUER
      ? 'is for production (with ISSUER): evaluation mode and its sample apps are one process'
      : undefined
  if (problem) faults.push({ name: 'WORKERS', problem })
}

/** Hashing slots are those of the machine; each worker has its share of them, and at least one. */
export function slotsOfEach(slots: number, workers: number): number {
  return Math.max(1, Math.floor(slots / workers))
}
