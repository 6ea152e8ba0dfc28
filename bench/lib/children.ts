/** Processes of the benchmark, each ended by its own process id, however the run ends. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

const PATIENCE_MS = 15_000

/** SIGTERM, and after 15 seconds without an end SIGKILL. */
export async function ended(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const patience = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  await gone
  clearTimeout(patience)
}

/** Milliseconds until the address answers 200. @throws Error when the process ends or a minute is over */
export async function untilReady(child: ChildProcess, url: string): Promise<number> {
  const started = performance.now()
  while (!hasEnded(child) && performance.now() - started < 60_000) {
    const ok = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ok) return performance.now() - started
    await sleep(20)
  }
  child.kill('SIGKILL')
  throw new Error('it is not ready')
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
