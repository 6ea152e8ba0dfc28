/** What is due by itself, of keys as they stand at a moment. */
import type { KeyChange, KeyFacts, KeyLine } from './key.ts'
import type { KeyPolicy } from './policy.ts'

/**
 * A line that is offered for the first time signs at once: nobody can have verified anything of it. One that is not
 * offered any more has no successor and ends when its key is due.
 * @param now by the database's clock
 */
export function schedule(keys: readonly KeyFacts[], policy: KeyPolicy, now: Date): KeyChange[] {
  const lasted = ({ since }: KeyFacts, seconds: number) => now.getTime() - since.getTime() >= seconds * 1000
  const ofLine = (line: KeyLine): KeyChange[] => {
    const one = (state: KeyFacts['state']) => keys.find((key) => key.line === line && key.state === state)
    const [current, next] = [one('current'), one('next')]
    const offered = policy.lines.includes(line)
    if (!current) {
      if (next) return [{ move: next.kid, to: 'current' }]
      return offered ? [{ make: line, as: 'current' }] : []
    }
    if (next)
      return lasted(next, policy.publishFor)
        ? [
            { move: current.kid, to: 'retiring' },
            { move: next.kid, to: 'current' },
          ]
        : []
    if (policy.signFor === 0) return []
    if (!offered) return lasted(current, policy.signFor) ? [{ move: current.kid, to: 'retiring' }] : []
    return lasted(current, policy.signFor - policy.publishFor) ? [{ make: line, as: 'next' }] : []
  }
  const spent = keys.filter((key) => key.state === 'retiring' && lasted(key, policy.keepFor))
  const lines = new Set([...policy.lines, ...keys.map(({ line }) => line)])
  return [...spent.map(({ kid }): KeyChange => ({ move: kid, to: 'retired' })), ...[...lines].flatMap(ofLine)]
}
