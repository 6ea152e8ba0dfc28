/** A closed loop: each worker sends its next request when the last one was answered. Every answer is checked. */
import { cpuOf, machineTime } from './cpu.ts'

export interface Sample {
  operations: number
  perSecond: number
  p50: number
  p99: number
  /** CPU milliseconds an operation costs, by process */
  cpu: { app: number; database: number }
  /** share of one core that the load itself used */
  generatorCpu: number
  /** share of the machine that nobody of this run used: other programs and neighbours */
  foreignCpu: number
}

export interface Pids {
  app: number
  database: number | undefined
}

export interface Load {
  workers: number
  seconds: number
}

/** A wrong answer ends the run: figures of a server that answers wrongly are worth nothing. */
export async function measure(
  operation: (worker: number) => Promise<void>,
  load: Load,
  pids: Pids,
): Promise<Sample> {
  const times: number[] = []
  const database = () => (pids.database === undefined ? 0 : cpuOf(pids.database))
  const before = { app: cpuOf(pids.app), database: database(), self: process.cpuUsage() }
  const machineBefore = machineTime()
  const started = performance.now()
  const end = started + load.seconds * 1000
  await Promise.all(
    Array.from({ length: load.workers }, async (_, worker) => {
      for (let at = performance.now(); at < end; at = performance.now()) {
        await operation(worker)
        times.push(performance.now() - at)
      }
    }),
  )
  const elapsed = performance.now() - started
  const self = process.cpuUsage(before.self)
  const app = cpuOf(pids.app) - before.app
  const db = database() - before.database
  const machine = machineTime()
  const generator = (self.user + self.system) / 1000
  const busy = (machine.busy - machineBefore.busy + machine.stolen - machineBefore.stolen) * 10
  times.sort((a, b) => a - b)
  const percentile = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0
  return {
    operations: times.length,
    perSecond: (times.length * 1000) / elapsed,
    p50: percentile(0.5),
    p99: percentile(0.99),
    cpu: { app: app / times.length, database: db / times.length },
    generatorCpu: generator / elapsed,
    foreignCpu: Math.max(0, busy - generator - app - db) / ((machine.all - machineBefore.all) * 10),
  }
}
