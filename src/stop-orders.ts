/**
 * What tells a process to stop: SIGTERM, SIGINT, SIGHUP, and npm having gone away. A second order means "at once".
 * Also how long a stop may take in all. Says nothing about how to stop.
 */
import type { Config } from './config/config.ts'

export interface StopOrders {
  /** Called once, with the signal's name. */
  stop(reason: string): void
  /** The operator asks again: nothing more is waited for. */
  atOnce(): void
  /** whether npm stands between us and who started us */
  startedByNpm: boolean
  /** SIGHUP, where it does not mean to stop */
  hangUp?: () => void
}

/** With Ctrl+C the terminal signals us, and npm passes its own on: what comes this soon is the same order. */
const SAME_ORDER_MS = 1000
const PARENT_CHECK_MS = 500
/** for mail that is cut off and for closing the stores, after the requests are done */
const STOP_GRACE_MS = 10_000

/** What is not done by then is given up. In milliseconds. */
export function stopLimitMs({ drainDelaySeconds, drainSeconds }: Config): number {
  return (drainDelaySeconds + drainSeconds) * 1000 + STOP_GRACE_MS
}

export function obeyStopOrders({ stop, atOnce, startedByNpm, hangUp }: StopOrders): void {
  let first: number | undefined
  const order = (reason: string) => {
    if (first === undefined) {
      first = performance.now()
      stop(reason)
    } else if (performance.now() - first > SAME_ORDER_MS) atOnce()
  }
  process.on('SIGTERM', () => order('SIGTERM'))
  process.on('SIGINT', () => order('SIGINT'))
  process.on('SIGHUP', hangUp ?? (() => order('SIGHUP')))
  if (startedByNpm) onParentGone(() => order('npm ended'))
}

/** npm runs scripts in a shell that dies of a signal without passing it on; left alone we would hold the port. */
function onParentGone(stop: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    stop()
  }, PARENT_CHECK_MS)
  timer.unref()
}
