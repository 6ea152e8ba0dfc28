/** The log as the rest of the program sees it: facts first, then one sentence. Secrets are never passed as facts. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  debug(fields: object, message: string): void
  /** The same log with fields that every line repeats. */
  child(fields: object): Logger
}
