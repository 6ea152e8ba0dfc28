/** A log that a test can read. */
import type { Logger } from '../../src/lib/log.ts'

export interface LogLine {
  level: 'info' | 'warn' | 'error' | 'debug'
  fields: object
  message: string
}

export class CollectingLogger implements Logger {
  readonly lines: LogLine[] = []

  info(fields: object, message: string): void {
    this.#add('info', fields, message)
  }

  warn(fields: object, message: string): void {
    this.#add('warn', fields, message)
  }

  error(fields: object, message: string): void {
    this.#add('error', fields, message)
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message)
  }

  plain(fields: object, message: string): void {
    this.#add('info', fields, message)
  }

  /** Messages that somebody on call would see. */
  loud(): string[] {
    return this.lines.filter((line) => line.level !== 'debug').map((line) => line.message)
  }

  #add(level: LogLine['level'], fields: object, message: string): void {
    this.lines.push({ level, fields, message })
  }
}
