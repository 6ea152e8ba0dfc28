/** Says once that something broke and once that it works again, however often it is tried in between. */
import type { Logger } from '../lib/log.ts'

export class Condition {
  readonly #logger: Logger
  readonly #what: string
  #broken = false

  /** @param what as in "`what` failed", "`what` works again" */
  constructor(logger: Logger, what: string) {
    this.#logger = logger
    this.#what = what
  }

  get broken(): boolean {
    return this.#broken
  }

  failed(error: unknown): void {
    const fields = { reason: reasonOf(error) }
    if (this.#broken) this.#logger.debug(fields, `${this.#what} still fails`)
    else this.#logger.warn(fields, `${this.#what} failed`)
    this.#broken = true
  }

  works(): void {
    if (this.#broken) this.#logger.info({}, `${this.#what} works again`)
    this.#broken = false
  }
}

const SHOWN = new Set(['MailError', 'NoticeError'])

/**
 * An error without its words: those of a driver or a template may hold what they were given. Some are made to be shown.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (SHOWN.has(error.name)) return error.message
  const code = 'code' in error && /^\w{1,40}$/.test(String(error.code)) ? ` ${String(error.code)}` : ''
  return `${error.name}${code}`
}
