/**
 * Loaded into a process with `NODE_OPTIONS=--import=…`: asks libuv's pool for next to nothing every few milliseconds and
 * writes down whoever waited. One line each in the file that WAIT_PROBE names: when, and for how many milliseconds.
 */
import { appendFileSync, stat } from 'node:fs'

const EVERY_MS = 5
/** shorter waits are not worth a line */
const LONG_MS = 5
const file = process.env.WAIT_PROBE

if (file !== undefined)
  setInterval(() => {
    const asked = performance.now()
    stat('/', () => {
      const waited = performance.now() - asked
      if (waited > LONG_MS) appendFileSync(file, `${Date.now()} ${waited.toFixed(1)}\n`)
    })
  }, EVERY_MS).unref()
