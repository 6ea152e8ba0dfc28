/** Load for a bounded time, and what it cost. Closed loop: a worker sends its next request when the last is answered. */
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuOf, machineTime, memoryOf, ticksToMs } from './processes.ts'
import { percentile } from './statistics.ts'
import type { Operation } from './subject.ts'

/** What of a server is watched while it is under load. */
export interface Watched {
  /** the server with its children */
  app: number
  /** databases with theirs */
  stores: readonly number[]
  /** transactions so far that wrote something; undefined: it has no such count */
  written: (() => Promise<number>) | undefined
}

export interface Sample {
  operations: number
  perSecond: number
  /** milliseconds */
  p50: number
  p99: number
  /** processor milliseconds of an operation */
  cpu: { app: number; stores: number }
  /** transactions of an operation that wrote something */
  written: number
  /** MiB the server holds at the end */
  memory: number
  /** share of one core that the load itself used */
  generatorCpu: number
  /** share of the machine that nobody of this run used: other programs and neighbours */
  foreignCpu: number
}

export interface Load {
  workers: number
  seconds: number
}

/** Fewer operations say little: on a crowded machine a measurement takes up to four times as long to get there. */
const ENOUGH = 200
const LONGER = 4

/** A wrong answer ends the run: figures of a server that answers wrongly are worth nothing. */
export async function measure(operation: Operation, load: Load, watched: Watched): Promise<Sample> {
  const times: number[] = []
  const take = await costs(watched)
  const started = performance.now()
  const wanted = started + load.seconds * 1000
  const latest = started + load.seconds * 1000 * LONGER
  await Promise.all(
    Array.from({ length: load.workers }, async (_, worker) => {
      const goesOn = (at: number) => at < wanted || (at < latest && times.length < ENOUGH)
      for (let at = started; goesOn(at); at = performance.now()) {
        await operation(worker)
        times.push(performance.now() - at)
      }
    }),
  )
  const elapsed = performance.now() - started
  const { app, stores, written, generator, foreignCpu } = await take()
  times.sort((a, b) => a - b)
  const count = times.length
  return {
    operations: count,
    perSecond: (count * 1000) / elapsed,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    cpu: { app: app / count, stores: stores / count },
    written: written / count,
    memory: memoryOf(watched.app),
    generatorCpu: generator / elapsed,
    foreignCpu,
  }
}

/** Reads the meters; the function it returns reads them again and says what was used in between. */
async function costs({ app, stores, written }: Watched) {
  const read = async () => {
    const transactions = (await written?.()) ?? 0
    const [own = 0, ...others] = cpuOf([app, ...stores])
    const { user, system } = process.cpuUsage()
    const machine = machineTime()
    return {
      app: own,
      stores: others.reduce((sum, value) => sum + value, 0),
      written: transactions,
      generator: (user + system) / 1000,
      busy: ticksToMs(machine.busy),
      all: ticksToMs(machine.all),
    }
  }
  const before = await read()
  return async () => {
    const after = await read()
    const used = (name: keyof typeof after) => after[name] - before[name]
    const ours = used('generator') + used('app') + used('stores')
    return {
      app: used('app'),
      stores: used('stores'),
      written: used('written'),
      generator: used('generator'),
      foreignCpu: Math.max(0, used('busy') - ours) / Math.max(1, used('all')),
    }
  }
}

/**
 * Open loop: requests leave at their time, whatever became of those before; a delay counts from when one was due, so
 * that up to a millisecond of it is the timer's.
 * @returns milliseconds, sorted
 */
export async function openLoop(
  operation: Operation,
  perSecond: number,
  seconds: number,
): Promise<Float64Array> {
  const delays: number[] = []
  const pending = new Set<Promise<void>>()
  const failures: unknown[] = []
  const total = Math.round(perSecond * seconds)
  const started = performance.now()
  const send = async (number: number) => {
    try {
      await operation(number)
      delays.push(performance.now() - started - (number / perSecond) * 1000)
    } catch (error) {
      failures.push(error)
    }
  }
  for (let sent = 0; sent < total && failures.length === 0; await sleep(1)) {
    const due = Math.min(total, ((performance.now() - started) / 1000) * perSecond)
    for (; sent < due; sent += 1) {
      const one = send(sent).finally(() => pending.delete(one))
      pending.add(one)
    }
  }
  await Promise.all(pending)
  if (failures.length > 0) throw failures[0]
  return Float64Array.from(delays).sort()
}
