/** A file of declarations, YAML or JSON, read whole: every fault with its line and column, and what was probably meant. */
import { isMap, isScalar, LineCounter, type Node, parseDocument, stringify } from 'yaml'
import type { JsonObject } from '../domain/authorization/json.ts'
import { KINDS, type Ref, type Wanted } from '../domain/declarative/plan.ts'
import { nearest } from '../domain/failures/nearest.ts'
import { namesAt, SHAPE } from './shapes.ts'

export interface Fault {
  /** from 1 */
  line: number
  column: number
  problem: string
}

/** Everything that is wrong with a file; its message is a line for each fault, as `file:line:column: …`. */
export class DeclarationError extends Error {
  override readonly name = 'DeclarationError'
  readonly faults: readonly Fault[]

  constructor(file: string, faults: readonly Fault[]) {
    super(faults.map(({ line, column, problem }) => `${file}:${line}:${column}: ${problem}`).join('\n'))
    this.faults = faults
  }
}

export type Path = readonly PropertyKey[]

export interface Document {
  entries: Wanted[]
  /** An error about places in the file. */
  refuse(faults: readonly { path: Path; problem: string }[]): DeclarationError
}

/** What may stand for a thing in no other way than by its id. */
const ID = /^[\x21-\x7e]{1,512}$/
/** of aliases in YAML, so that a small file stays one */
const ALIASES = 100

/** @throws DeclarationError */
export function readDeclarations(file: string, text: string): Document {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  const at = (offset: number, problem: string): Fault => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col), problem }
  }
  const place = (path: Path, problem: string) => at(offsetOf(document.contents, path), problem)
  const refuse: Document['refuse'] = (faults) =>
    new DeclarationError(
      file,
      faults.map(({ path, problem }) => place(path, problem)),
    )
  const broken = [...document.errors, ...document.warnings]
  if (broken.length > 0)
    throw new DeclarationError(
      file,
      broken.map(({ pos, message }) => at(pos[0], message)),
    )
  const value = parsedBy(() => document.toJS({ maxAliasCount: ALIASES }) ?? {}, refuse)
  const read = SHAPE.safeParse(value)
  if (!read.success) throw refuse(read.error.issues.flatMap(faultsOf))
  const entries = KINDS.flatMap((kind) =>
    Object.entries(read.data[kind] ?? {}).map(([id, entry]) => wanted({ kind, id }, entry)),
  )
  const faults = entries.flatMap((entry) => faultOf(entry, read.data))
  if (faults.length > 0) throw refuse(faults)
  return { entries, refuse }
}

function parsedBy(read: () => unknown, refuse: Document['refuse']): unknown {
  try {
    return read()
  } catch (error) {
    throw refuse([{ path: [], problem: (error as Error).message }])
  }
}

function wanted(ref: Ref, { state, ...entry }: JsonObject): Wanted {
  return { ...ref, value: state === 'absent' ? 'absent' : entry }
}

function faultOf(
  { kind, id, value }: Wanted,
  data: Record<string, unknown>,
): { path: Path; problem: string }[] {
  if (!ID.test(id)) return [{ path: [kind, id], problem: `"${id}" must be printable ASCII without spaces` }]
  const members = Object.keys((data[kind] as Record<string, object>)[id] ?? {})
  return value === 'absent' && members.length > 1
    ? [{ path: [kind, id, 'state'], problem: 'what is absent has no other members: leave them out' }]
    : []
}

interface Issue {
  code: string
  path: PropertyKey[]
  message: string
  keys?: string[]
  errors?: Issue[][]
}

function faultsOf(found: object): { path: Path; problem: string }[] {
  const { code, path, message, keys } = found as Issue
  if (code !== 'unrecognized_keys')
    return [{ path, problem: `${path.at(-1)?.toString() ?? 'the file'}: ${message}` }]
  return (keys ?? []).map((key) => {
    const meant = nearest(key, namesAt(path))
    return {
      path: [...path, key],
      problem: `there is no "${key}" here${meant === undefined ? '' : `; did you mean "${meant}"?`}`,
    }
  })
}

export function asYaml(value: object): string {
  return stringify(value).trimEnd()
}

/** Where a member begins; of one that is not there, what would hold it. */
function offsetOf(contents: unknown, path: Path): number {
  let [node, offset] = [contents as Node | null, 0]
  for (const segment of path) {
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === segment)
      : undefined
    if (!pair) break
    offset = (pair.key as Node).range?.[0] ?? offset
    node = pair.value as Node | null
  }
  return offset
}
