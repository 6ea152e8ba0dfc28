/** Changing keys before they are due. */
import type { KeyChange, KeyFacts, KeyLine } from './key.ts'
import type { KeyPolicy } from './policy.ts'

/**
 * A next key for each of the lines; the schedule makes it current when it has been published for long enough. A line
 * whose next key is on its way already is left alone.
 */
export function rotate(
  keys: readonly KeyFacts[],
  { lines }: KeyPolicy,
  only: KeyLine | undefined,
): KeyChange[] {
  return lines
    .filter((line) => only === undefined || line === only)
    .filter((line) => !keys.some((key) => key.line === line && key.state === 'next'))
    .map((line): KeyChange => ({ make: line, as: 'next' }))
}
