/** Structured logs. Every line of a request carries its id; secrets never get this far, redaction is the second net. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type DestinationStream, pino } from 'pino'
import type { Logger } from '../lib/log.ts'
import { LineWriter } from './lines.ts'

interface RequestScope {
  requestId: string
  trace_id?: string
}

const scope = new AsyncLocalStorage<RequestScope>()

/** Runs `work` so that every log line written in it carries the request's id. */
export function withRequestId<T>(requestId: string, work: () => T): T {
  return scope.run({ requestId }, work)
}

/** Log lines of the request in hand carry the id of its trace as well, from now on. */
export function noteTrace(traceId: string): void {
  const here = scope.getStore()
  if (here) here.trace_id = traceId
}

const CENSOR = '[secret]'
const SENSITIVE = new Set([
  'password',
  'token',
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'authorization',
  'cookie',
  'set-cookie',
])

export function createLogger(
  level: 'debug' | 'info' | 'warn' | 'error' | 'silent',
  destination?: DestinationStream,
): Logger {
  const plain = {
    level,
    base: { service: 'ostiary', pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  const looking = {
    ...plain,
    formatters: { ...plain.formatters, log: innerCensored },
    // A copy: pino writes the line's own fields into what it is given, and the next line would have them too.
    mixin: () => ({ ...scope.getStore() }),
    redact: {
      // An authorization code is one at the top; an error's own code (ECONNREFUSED) is what an operator looks for.
      paths: ['code', ...[...SENSITIVE].map((name) => `["${name}"]`)],
      censor: CENSOR,
    },
    serializers: { err: serializeError },
  }
  const output = destination ?? standardOutput()
  const lines = pino(plain, output)
  return Object.assign(pino(looking, output), {
    plain: (fields: object, message: string) => lines.info(fields, message),
  })
}

type Fields = Record<string, unknown>

/**
 * Sensitive names one level down. pino's own `redact` could do it with wildcards, at several times the cost of all the
 * rest of a line.
 */
function innerCensored(fields: Fields): Fields {
  let clean = fields
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'object' || value === null || value instanceof Error) continue
    const hidden = Object.keys(value).filter((inner) => SENSITIVE.has(inner))
    if (hidden.length === 0) continue
    clean = { ...clean, [name]: { ...value, ...Object.fromEntries(hidden.map((inner) => [inner, CENSOR])) } }
  }
  return clean
}

/** Warnings and errors at once, all else by and by. */
function standardOutput(): DestinationStream {
  const lines = new LineWriter(1, (count) => {
    const fields = { level: 'warn', time: new Date().toISOString(), service: 'ostiary', pid: process.pid }
    output.write(
      `${JSON.stringify({ ...fields, lost: count, msg: 'log lines were lost: nobody took them' })}\n`,
    )
  })
  const output = {
    write(line: string) {
      lines.write(line)
      if (URGENT.test(line)) lines.flush()
    },
  }
  return output
}

const URGENT = /^\{"level":"(?:warn|error)"/

/** Type, message, code and stack: never the whole object, which may carry a request, a query or its values. */
function serializeError(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) }
  const { code } = error as NodeJS.ErrnoException
  return {
    type: error.name,
    message: error.message,
    ...(code === undefined ? {} : { code }),
    stack: error.stack,
    ...(error.cause instanceof Error ? { cause: serializeError(error.cause) } : {}),
  }
}
