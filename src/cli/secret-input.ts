/** A secret from stdin: what is on the command line other users of the machine may see. */
import { text } from 'node:stream/consumers'
import { UsageError } from './answer.ts'

/** What stdin holds, without the line break at its end. Throws UsageError where there is nothing. */
export async function secretFromStdin(): Promise<string> {
  if (process.stdin.isTTY)
    throw new UsageError('the secret is read from stdin: pipe it in, or redirect a file')
  const secret = (await text(process.stdin)).replace(/\r?\n$/, '')
  if (secret === '') throw new UsageError('stdin holds no secret')
  return secret
}
