/** Asks before something dangerous. A script says `--yes`; nothing is taken for granted where nobody can be asked. */
import { createInterface } from 'node:readline/promises'
import { asJson, Refusal, UsageError } from './answer.ts'

/**
 * Returns when it may go on. @param what a whole sentence that says what will happen
 * @throws Refusal where the answer is no, UsageError where there is no terminal to ask on
 */
export async function confirmed(what: string, { yes }: { yes?: boolean | undefined }): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY || !process.stderr.isTTY || asJson())
    throw new UsageError(`${what} Add --yes to do it.`)
  const asking = createInterface({ input: process.stdin, output: process.stderr })
  try {
    const said = await asking.question(`${what} Go on? [y/N] `)
    if (!/^y(es)?$/i.test(said.trim())) throw new Refusal('not_confirmed', 'Nothing was changed.')
  } finally {
    asking.close()
  }
}
