/**
 * How many statements of one kind are on their way. The next goes out when none is, or when the last one keeps everybody
 * waiting (a locked row, a slow disk, a database far away): few large statements cost much less than many small ones.
 */
const PATIENCE_MS = 2

export class Gate {
  readonly #most: number
  readonly #opened: () => void
  #flying = 0
  #lastSent = 0
  #timer: NodeJS.Timeout | undefined

  /**
   * @param most statements on their way at once
   * @param opened called when it opens after it was found closed
   */
  constructor(most: number, opened: () => void) {
    this.#most = most
    this.#opened = opened
  }

  isOpen(): boolean {
    if (this.#flying === 0) return true
    if (this.#flying >= this.#most) return false
    const patience = this.#lastSent + PATIENCE_MS - performance.now()
    if (patience <= 0) return true
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#opened()
    }, patience)
    return false
  }

  /** @param statement never rejects */
  pass(statement: Promise<void>): void {
    this.#flying += 1
    this.#lastSent = performance.now()
    void statement.finally(() => {
      this.#flying -= 1
      this.#opened()
    })
  }
}
