/**
 * How large and how strange authorization details may be before anybody looks at what they mean: a person has to read
 * all of it, so what cannot be read as it is written is refused.
 */
import { isObject } from './json.ts'

export const DETAILS_MAX = 10
/** of the parameter, in UTF-16 units */
export const TEXT_MAX = 16_384
const VALUE_MAX = 500
const NAME_MAX = 60
const LEAVES_MAX = 100
const DEPTH_MAX = 6

/** Control characters, line and paragraph ends, what turns the direction of writing round or shows nothing. */
const UNREADABLE =
  /[\p{Cc}\p{Zl}\p{Zp}\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{e0000}-\u{e0fff}]/u
/** More marks on one letter than any language has. */
const PILED_UP = /\p{M}{9}/u

/** What is wrong with the details of one request, in words that repeat nothing of them; undefined: nothing. */
export function beyondLimits(details: readonly unknown[]): string | undefined {
  if (details.length > DETAILS_MAX) return `must hold at most ${DETAILS_MAX} details`
  let leaves = 0
  const look = (value: unknown, depth: number): string | undefined => {
    if (depth > DEPTH_MAX) return `must not be nested deeper than ${DEPTH_MAX} levels`
    if (!Array.isArray(value) && !isObject(value)) {
      leaves += 1
      return leaves > LEAVES_MAX ? `must hold at most ${LEAVES_MAX} values` : wrongValue(value)
    }
    const members = Object.entries(value)
    if (members.length > LEAVES_MAX) return `must hold at most ${LEAVES_MAX} values`
    for (const [name, member] of members) {
      const wrong = (Array.isArray(value) ? undefined : wrongName(name)) ?? look(member, depth + 1)
      if (wrong) return wrong
    }
    return undefined
  }
  for (const detail of details) {
    leaves = 0
    const wrong = look(detail, 1)
    if (wrong) return wrong
  }
  return undefined
}

/** Whether people see a text as it is. */
export function isReadable(text: string): boolean {
  return text.isWellFormed() && !UNREADABLE.test(text) && !PILED_UP.test(text)
}

function wrongValue(value: unknown): string | undefined {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'must hold numbers that are finite'
  if (typeof value !== 'string') return undefined
  if (value.length > VALUE_MAX) return `must hold texts of at most ${VALUE_MAX} characters`
  return isReadable(value) ? undefined : 'must hold no control or invisible characters'
}

function wrongName(name: string): string | undefined {
  if (name === '__proto__' || name.length > NAME_MAX || !isReadable(name))
    return `must have plain names of at most ${NAME_MAX} characters`
  return undefined
}
