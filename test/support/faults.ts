/**
 * One switch for all fault and race tests: short as part of `npm test`, long in `npm run test:faults` (FAULTS=long).
 * The long form is the same test with more rounds, never another test.
 */

export const LONG = process.env.FAULTS === 'long'

/** The number that fits the form: rounds, callers, milliseconds. */
export function times(short: number, long: number): number {
  return LONG ? long : short
}
