/** A JSON body, strictly: UTF-8, an object, nothing the stores cannot hold, no deeper than anything of ours. */
import { ApiProblem } from './problem.ts'

const DEPTH_MAX = 12
const LINE_TYPES = /^application\/(x-ndjson|jsonl)\s*(;\s*charset="?utf-8"?\s*)?$/i
const TYPES = /^application\/(json|merge-patch\+json)\s*(;\s*charset="?utf-8"?\s*)?$/i

/** @throws ApiProblem `unsupported_media_type`, `malformed`, `invalid_input` */
export function parsedBody(bytes: Buffer, contentType: string): unknown {
  if (!TYPES.test(contentType)) throw new ApiProblem('unsupported_media_type')
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new ApiProblem('malformed', { detail: 'The body is not JSON in UTF-8', cause })
  }
  assertPlain(value)
  return value
}

/**
 * Lines of JSON (application/jsonl, application/x-ndjson), not parsed yet. All of them are here: a sender who is slow
 * holds up nothing but their own request.
 * @throws ApiProblem `unsupported_media_type`, `malformed`
 */
export function linesOf(bytes: Buffer, contentType: string): string[] {
  if (!LINE_TYPES.test(contentType)) throw new ApiProblem('unsupported_media_type')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes).split(/\r?\n/)
  } catch (cause) {
    throw new ApiProblem('malformed', { detail: 'The body is not UTF-8', cause })
  }
}

/** Walks by a list of its own: what is nested deeply must not exhaust the stack. */
function assertPlain(value: unknown): void {
  const waiting: [value: unknown, pointer: string, depth: number][] = [[value, '', 0]]
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [one, pointer, depth] = next
    if (typeof one === 'string' && !isText(one)) throw refused(pointer, 'not_text')
    if (typeof one !== 'object' || one === null) continue
    if (depth === DEPTH_MAX) throw refused(pointer, 'too_deep')
    for (const [name, member] of Object.entries(one)) {
      if (!isText(name) || name === '__proto__') throw refused(pointer, 'not_text')
      waiting.push([member, `${pointer}/${name.slice(0, 100)}`, depth + 1])
    }
  }
}

function isText(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function refused(pointer: string, code: 'not_text' | 'too_deep'): ApiProblem {
  const detail = code === 'too_deep' ? 'is nested too deeply' : 'holds characters that are no text'
  return new ApiProblem('invalid_input', { errors: [{ pointer: pointer.toWellFormed(), code, detail }] })
}
