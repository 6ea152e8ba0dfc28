/**
 * Lines on their way to a file descriptor, usually standard output: written together, a tenth of a second late at most,
 * and not in the way of a request. They are worth less than the service: where nobody takes them (a full disk, a reader
 * that stalled or went away) they wait, up to a bound; beyond it they are dropped and counted. Nothing here throws.
 */
import { write, writeSync } from 'node:fs'

const EVERY_MS = 100
/** bytes; as much as this is written without waiting for the next turn */
const SOON = 8_192
/** bytes that wait at most, beside those being written */
const MOST = 4 * 1024 * 1024

/** for a reader that is slow, when the process ends */
const AT_EXIT_MS = 1_000
const PAUSE = new Int32Array(new SharedArrayBuffer(4))

export class LineWriter {
  readonly #fd: number
  readonly #onLost: (lines: number) => void
  #waiting: Buffer[] = []
  #bytes = 0
  #lost = 0
  #writing = false

  /** @param onLost told how many lines were dropped, once others are taken again */
  constructor(fd: number, onLost: (lines: number) => void) {
    this.#fd = fd
    this.#onLost = onLost
    setInterval(() => this.flush(), EVERY_MS).unref()
    process.on('exit', () => this.#flushAtExit())
  }

  write(line: string): void {
    const bytes = Buffer.from(line)
    if (this.#bytes + bytes.length > MOST) {
      this.#lost += 1
      return
    }
    this.#waiting.push(bytes)
    this.#bytes += bytes.length
    if (this.#bytes >= SOON) this.flush()
  }

  /** Writes what waits, if nothing is being written; what is not taken is tried again with the next lines. */
  flush(): void {
    if (this.#writing || this.#bytes === 0) return
    const bytes = this.#takeAll()
    this.#writing = true
    write(this.#fd, bytes, (error, written) => {
      this.#writing = false
      const rest = bytes.subarray(error ? 0 : written)
      if (rest.length > 0) this.#putBack(rest)
      if (error) return
      const lost = this.#lost
      this.#lost = 0
      if (lost > 0) this.#onLost(lost)
      if (this.#bytes >= SOON) this.flush()
    })
  }

  /** Once: there is no later. What is being written then, Node finishes by itself. */
  #flushAtExit(): void {
    const until = performance.now() + AT_EXIT_MS
    for (let rest = this.#takeAll(); rest.length > 0; ) {
      try {
        rest = rest.subarray(writeSync(this.#fd, rest))
      } catch (error) {
        // A pipe that is full now is read in a moment; else nobody takes it, and there is nobody else to tell.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > until) return
        Atomics.wait(PAUSE, 0, 0, 5)
      }
    }
  }

  #takeAll(): Buffer {
    const bytes = this.#waiting.length === 1 ? (this.#waiting[0] as Buffer) : Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#bytes = 0
    return bytes
  }

  #putBack(bytes: Buffer): void {
    this.#waiting.unshift(bytes)
    this.#bytes += bytes.length
  }
}
