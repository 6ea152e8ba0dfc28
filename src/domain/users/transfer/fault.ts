/** What is wrong with one line of an import, in words for whoever has to mend the file. */
export interface LineFault {
  /** counted from 1 */
  line: number
  /** member of the line; empty: the whole of it */
  field: string
  what: string
  remedy: string
}

/** A password hash that is not taken, with the reason. It never holds the hash. */
export class HashRefused extends Error {
  readonly remedy: string

  constructor(what: string, remedy: string) {
    super(what)
    this.name = 'HashRefused'
    this.remedy = remedy
  }
}

/** Password hashes on their way in and out; how they are kept is the other side's affair. */
export interface PasswordTransfer {
  /** As it is stored. Throws HashRefused. */
  take(given: unknown): string
  /** As `take` understands it, by a deployment that has the same keys. */
  give(stored: string): string
}
