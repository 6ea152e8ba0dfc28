/** What the errors of stores mean to a caller, whatever driver they came from. */

/** SQLSTATE classes: 08 connection, 53 out of resources, 58 the system below the server. */
const CLASSES = ['08', '53', '58']
const STATES = new Set([
  '57P01', // administrator shut the server down
  '57P02', // another backend crashed
  '57P03', // starting up or in recovery
  '57P04', // database dropped
  '57P05', // idle session ended
  '57014', // statement timeout
  '55P03', // lock timeout
  '25P03', // idle in transaction too long
  '25006', // read-only: a standby, or a primary being demoted
  '40001', // serialization failure
  '40P01', // deadlock
])
const SYSTEM_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOSPC',
  'EMFILE',
])
const NAMES = new Set([
  'Overloaded',
  'KnexTimeoutError',
  'MaxRetriesPerRequestError',
  'ClusterAllFailedError',
])
/** Neither `pg` nor `ioredis` gives these a code; knex writes the statement before them. */
const MESSAGES =
  /(?:^| - )(?:Connection terminated|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after|Command timed out|Connection is closed|Stream isn't writeable|Unable to acquire a connection|LOADING |READONLY |MASTERDOWN |CLUSTERDOWN |OOM |BUSY |MISCONF )/

/** Whether trying again later, with nothing changed, may well succeed: 503 with Retry-After, never 500. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as { code?: unknown }).code
  if (typeof code === 'string') {
    if (STATES.has(code) || SYSTEM_CODES.has(code)) return true
    if (code.length === 5 && CLASSES.includes(code.slice(0, 2))) return true
  }
  if (NAMES.has(error.name) || MESSAGES.test(error.message)) return true
  if (error instanceof AggregateError && error.errors.some(isUnavailable)) return true
  return error.cause !== undefined && isUnavailable(error.cause)
}

/** More waits for the database than it keeps up with: better refused now than answered too late. */
export class Overloaded extends Error {
  override readonly name = 'Overloaded'

  constructor(what: string) {
    super(`too many ${what} wait for the database`)
  }
}

/** The value itself is at fault: a NUL byte, or text that is no Unicode. */
export class UnstorableError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnstorableError'
  }
}

const UNSTORABLE_STATES = new Set(['22021', '22P05', '22P02'])

/** Whether a value was refused that no store can hold: the request it came from is wrong, not the store. */
export function isUnstorable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return error instanceof UnstorableError || UNSTORABLE_STATES.has((error as { code?: string }).code ?? '')
}

/** The data directory cannot be used. The message is a sentence for the operator. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError'
  /** `missing`: nothing was ever started there, and nothing is made for who only looks */
  readonly reason: 'in_use' | 'missing' | 'unusable'

  constructor(reason: DataDirectoryError['reason'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}
