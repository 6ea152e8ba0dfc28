/** How long an app waits for a JWT while people sign in: requests at a fixed rate, eight sign-ins always under way. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { owned } from '../../test/support/owned-children.ts'
import { type Bench, isAsked, loadOf } from '../lib/bench.ts'
import { ended } from '../lib/children.ts'
import { measure, openLoop } from '../lib/measure.ts'
import { atMost, type Chapter, grid } from '../lib/report.ts'
import { percentile } from '../lib/statistics.ts'
import { Subject } from '../lib/subject.ts'
import type { SignInLoad, SignInsDone } from './sign-in-load.ts'

/** milliseconds */
const GOAL = 10
const SHARE = 0.3
const SIGN_INS = 8
/** the first of the people who sign in here */
const FIRST = 3000

export async function latency(bench: Bench): Promise<Chapter | undefined> {
  if (!isAsked(bench, 'latency')) return undefined
  const { options, product, tell } = bench
  const seconds = options.quick ? 4 : 8
  const subject = await Subject.prepare(product.address, options.workers, (worker) => product.person(worker))
  const operation = subject.operation('cc-jwt')
  await measure(operation, loadOf(bench), product.watched)
  const { perSecond: capacity } = await measure(operation, loadOf(bench), product.watched)
  const rate = capacity * SHARE
  tell(`latency: ${Math.round(rate)} JWTs a second, alone and beside ${SIGN_INS} sign-ins`)
  const alone = await openLoop(operation, rate, seconds)
  const path = fileURLToPath(new URL('sign-in-load.ts', import.meta.url))
  const child = owned(fork(path, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }))
  const people = Array.from({ length: 2000 }, (_, index) => product.person(FIRST + index))
  child.send({ address: product.address, workers: SIGN_INS, people } satisfies SignInLoad)
  await sleep(1000)
  const beside = await openLoop(operation, rate, seconds)
  child.send('stop')
  const [signedIn] = (await once(child, 'message')) as [SignInsDone]
  await ended(child)
  subject.close()
  const row = (name: string, delays: Float64Array) => [
    name,
    ...[0.5, 0.9, 0.99, 0.999].map((share) => percentile(delays, share).toFixed(1)),
  ]
  const p99 = percentile(beside, 0.99)
  return {
    title: 'A JWT while people sign in',
    text: `${grid([
      ['', 'p50 ms', 'p90', 'p99', 'p99.9'],
      row('alone', alone),
      row(`beside ${SIGN_INS} sign-ins`, beside),
    ])}\n\nOpen loop, ${Math.round(rate)} a second: ${SHARE * 100} % of what a closed loop reached; a delay counts from when the request was due, up to a millisecond of it is the timer's. ${signedIn.perSecond.toFixed(1)} sign-ins a second meanwhile, ${signedIn.turnedAway} turned away.`,
    verdicts: [
      atMost(
        `JWT p99 at ${SHARE * 100} % load beside ${SIGN_INS} sign-ins`,
        p99,
        GOAL,
        ' ms',
        `${p99.toFixed(1)} ms`,
      ),
    ],
    data: { rate, signedIn, alone: quantiles(alone), beside: quantiles(beside) },
  }
}

function quantiles(delays: Float64Array): Record<string, number> {
  return Object.fromEntries(
    [0.5, 0.9, 0.99, 0.999].map((share) => [`p${share * 100}`, percentile(delays, share)]),
  )
}
