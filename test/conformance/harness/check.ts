/** What a check is: a name in the field's style, the section it holds the provider to, and what breaks it. */

import type { Op } from './op.ts'
import type { Mutation } from './wire.ts'

export interface Check {
  name: string
  /** standard and section */
  section: string
  /** one behaviour, as a sentence about the provider */
  title: string
  run(op: Op): Promise<unknown>
  /** each of these makes the check fail; `mutations.test.ts` sees to it */
  brokenBy: readonly [Mutation, ...Mutation[]]
}

/** @param brokenBy at least one: a check nobody saw fail is not in the mirror */
export function check(
  name: string,
  section: string,
  title: string,
  run: Check['run'],
  ...brokenBy: [Mutation, ...Mutation[]]
): Check {
  return { name, section, title, run, brokenBy }
}
