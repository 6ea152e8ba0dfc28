/**
 * Which passwords are accepted: length, a block list and words of the person's own; no composition rules, no
 * expiry (NIST SP 800-63B-4 3.1.1.2, OWASP ASVS 5.0 6.2). The live hint asks this same function.
 */

/** code points, after normalisation; a bound on the work, not on strength */
export const PASSWORD_MAX_LENGTH = 256

export interface PasswordPolicy {
  /** code points; 15 where the password is the only factor */
  minLength: number
  isCommon: (password: string) => boolean
  /** words that belong to the deployment, such as the product's name */
  contextWords: readonly string[]
}

/** What the person typed beside it. */
export interface PasswordContext {
  email?: string | undefined
  username?: string | undefined
  name?: string | undefined
}

export type PasswordProblem =
  | { code: 'required' }
  | { code: 'password_too_short'; params: { min: number } }
  | { code: 'password_too_long'; params: { max: number } }
  | { code: 'password_characters' }
  | { code: 'password_common' }
  | { code: 'password_context' }

/** The form that is hashed: NFC, so that one keyboard's é is another's. Never trimmed, never cut. */
export function normalisePassword(password: string): string {
  return password.normalize('NFC')
}

/** Everything wrong with the password, most basic first; empty means accepted. */
export function passwordProblems(
  password: string,
  policy: PasswordPolicy,
  context: PasswordContext = {},
): PasswordProblem[] {
  if (password === '') return [{ code: 'required' }]
  const value = normalisePassword(password)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f]/.test(value)) return [{ code: 'password_characters' }]
  const length = [...value].length
  if (length > PASSWORD_MAX_LENGTH)
    return [{ code: 'password_too_long', params: { max: PASSWORD_MAX_LENGTH } }]
  const problems: PasswordProblem[] = []
  if (length < policy.minLength)
    problems.push({ code: 'password_too_short', params: { min: policy.minLength } })
  if (policy.isCommon(value) || isOneCharacterOrSequence(value)) problems.push({ code: 'password_common' })
  if (isMadeOfContext(value, [...contextWords(context), ...policy.contextWords]))
    problems.push({ code: 'password_context' })
  return problems
}

function contextWords(context: PasswordContext): string[] {
  const [local = '', domain = ''] = (context.email ?? '').split('@')
  return [
    context.email ?? '',
    local,
    domain,
    domain.split('.')[0] ?? '',
    context.username ?? '',
    ...(context.name ?? '').split(/\s+/),
  ]
}

/** True when little is left after the person's own words are taken out: "jane.doe2026!!" for jane.doe@… */
function isMadeOfContext(password: string, words: readonly string[]): boolean {
  let rest = password.normalize('NFKC').toLowerCase()
  const before = rest.length
  const known = words.map((word) => word.normalize('NFKC').toLowerCase()).filter((word) => word.length >= 4)
  for (const word of known.sort((a, b) => b.length - a.length)) rest = rest.split(word).join('')
  return rest.length < before && rest.length < 8
}

/** "aaaaaaaaaaaaaaaa", "abcdefghijklmnop", "1234567890123456". */
function isOneCharacterOrSequence(password: string): boolean {
  const codes = [...password.toLowerCase()].map((character) => character.codePointAt(0) ?? 0)
  if (codes.length < 2) return false
  const steps = new Set(codes.slice(1).map((code, index) => code - (codes[index] ?? 0)))
  // 9 -> 0 and z -> a continue a sequence, forwards and backwards
  for (const turn of [9, 25]) {
    steps.delete(turn)
    steps.delete(-turn)
  }
  return steps.size <= 1 && [...steps].every((step) => step >= -1 && step <= 1)
}
