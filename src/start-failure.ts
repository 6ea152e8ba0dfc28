/** A start that failed, in a sentence that says what to do. */
import { isUnavailable } from './storage/faults.ts'

export function explainStartFailure(error: unknown): string {
  const { code, port, message } = error as NodeJS.ErrnoException & { port?: number }
  if (code === 'EADDRINUSE')
    return `Port ${port ?? ''} is in use by another program. Stop it, or choose another: PORT=4000 npm start (the sample apps take the next one, SAMPLES_PORT).`
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be opened by this user. Choose one above 1023 with PORT.`
  if (isUnavailable(error))
    return `The database does not answer (${message}). Check DATABASE_URL and that the server runs, then start again.`
  return `Ostiary could not start: ${message ?? String(error)}`
}
