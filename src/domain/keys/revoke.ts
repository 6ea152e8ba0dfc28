/** For a key that somebody else may have: what it signed must not be believed a moment longer. */
import type { KeyChange, KeyFacts } from './key.ts'
import type { KeyPolicy } from './policy.ts'

/**
 * Takes the key away at once. Of the current one the successor signs at once too, although verifiers may not know it
 * yet: those that do not look again at a key they do not know fail for as long as they keep the JWKS.
 * @returns undefined: there is no such key, or it is retired already
 */
export function revoke(
  keys: readonly KeyFacts[],
  { lines }: KeyPolicy,
  kid: string,
): KeyChange[] | undefined {
  const key = keys.find((one) => one.kid === kid && one.state !== 'retired')
  if (!key) return undefined
  const gone: KeyChange = { move: kid, to: 'retired' }
  if (key.state !== 'current') return [gone]
  const next = keys.find(({ line, state }) => line === key.line && state === 'next')
  if (next) return [gone, { move: next.kid, to: 'current' }]
  return lines.includes(key.line) ? [gone, { make: key.line, as: 'current' }] : [gone]
}
