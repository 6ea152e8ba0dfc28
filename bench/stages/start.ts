/** How soon it is ready on a database it knows, and what it holds when nobody asks. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bench, isAsked } from '../lib/bench.ts'
import { memoryOf } from '../lib/processes.ts'
import { atMost, type Chapter, grid } from '../lib/report.ts'
import { show, spread } from '../lib/statistics.ts'

const READY_GOAL_MS = 3000
const IDLE_GOAL_MIB = 120
const STARTS = 3
const IDLE_MS = 10_000

export async function start(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'start')) return undefined
  const { product, tell } = bench
  tell(`start: ${STARTS} times, then ${IDLE_MS / 1000} s of nothing`)
  const times: number[] = []
  for (let count = 0; count < STARTS; count += 1) {
    await product.end()
    times.push(await product.run())
  }
  await sleep(IDLE_MS)
  const idle = memoryOf(product.watched.app)
  const ready = spread(times)
  return {
    title: 'Start',
    text: grid([
      ['', ''],
      ['ready after', `${show(ready, 0)} ms`],
      [`held after ${IDLE_MS / 1000} s`, `${idle.toFixed(0)} MiB`],
    ]),
    verdicts: [
      atMost('ready', ready.median, READY_GOAL_MS, ' ms'),
      atMost('memory idle', idle, IDLE_GOAL_MIB, ' MiB'),
    ],
    data: { times, idle },
  }
}
