/** Long work, shown: a bar on a terminal, a line now and then in a log, nothing for programs. Only ever on stderr. */
import { asJson } from './answer.ts'

const BAR = 24
const BETWEEN_DRAWINGS_MS = 100
const BETWEEN_LINES_MS = 10_000

export interface Progress {
  /** @param of undefined: nobody knows how much there is */
  at(done: number, of?: number): void
  /** Takes the bar away; call it before anything else is printed. */
  end(): void
}

interface Out {
  isTTY?: boolean
  write(text: string): unknown
}

/** @param what a plural noun: `records`, `people` */
export function progress(what: string, out: Out = process.stderr, now = () => performance.now()): Progress {
  if (asJson()) return { at: () => {}, end: () => {} }
  const terminal = out.isTTY === true
  let last = terminal ? Number.NEGATIVE_INFINITY : now()
  let drawn = false
  return {
    at(done, of) {
      const every = terminal ? BETWEEN_DRAWINGS_MS : BETWEEN_LINES_MS
      if (now() - last < every && done !== of) return
      if (!terminal && now() - last < every) return
      last = now()
      drawn = true
      out.write(
        terminal ? `\r\x1b[K${bar(done, of)}${counted(done, of, what)}` : `${counted(done, of, what)}\n`,
      )
    },
    end() {
      if (terminal && drawn) out.write('\r\x1b[K')
      drawn = false
    },
  }
}

function bar(done: number, of: number | undefined): string {
  if (of === undefined || of === 0) return ''
  const full = Math.min(BAR, Math.round((done / of) * BAR))
  return `[${'#'.repeat(full)}${' '.repeat(BAR - full)}] `
}

function counted(done: number, of: number | undefined, what: string): string {
  return of === undefined ? `${done} ${what}` : `${done} of ${of} ${what}`
}
