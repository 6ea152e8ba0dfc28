/** The log as the rest of the program sees it: facts first, then one sentence. Secrets are never passed as facts. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
  debug(fields: object, message: string): void
  /** For what every request writes: an info line whose fields cannot hold a secret, and which nobody looks through. */
  plain(fields: object, message: string): void
}
