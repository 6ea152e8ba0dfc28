/** What was sent against what a route takes: every fault at once, each with where it is. */
import type { z } from 'zod'
import { ApiProblem, type FieldError, type ProblemCode } from './problem.ts'

/** @throws ApiProblem with every fault */
export function validated<T>(schema: z.ZodType<T> | undefined, value: unknown, code: ProblemCode): T {
  if (!schema) return undefined as T
  const result = schema.safeParse(value)
  if (result.success) return result.data
  throw new ApiProblem(code, { errors: result.error.issues.flatMap(faultsOf) })
}

function faultsOf(issue: z.core.$ZodIssue): FieldError[] {
  const pointer = issue.path.map((part) => `/${escaped(String(part))}`).join('')
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: `${pointer}/${escaped(key.slice(0, 100))}`,
      code: 'unknown_field',
      detail: 'is not known here',
    }))
  return [{ pointer, code: issue.code, detail: issue.message }]
}

/** RFC 6901 3 */
function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** RFC 9110 13.1.1: the version of a strong ETag of ours; undefined for `*`. */
export function versionOf(ifMatch: string): number | undefined {
  if (ifMatch === '') throw new ApiProblem('version_required')
  if (ifMatch.trim() === '*') return undefined
  const [, version] = /^"v(\d{1,15})"$/.exec(ifMatch.trim()) ?? []
  // Weak, foreign or several: none of them is the one there is.
  if (version === undefined) throw new ApiProblem('stale')
  return Number(version)
}

export function etagOf(version: number): string {
  return `"v${version}"`
}
