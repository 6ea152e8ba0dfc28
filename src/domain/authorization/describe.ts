/** A detail as a person reads it: the sentence of its type, and below it every field that the sentence does not show. */
import { isObject, isSame, type JsonObject } from './json.ts'
import { partAt } from './schema.ts'
import { fill, type Phrase, parseTemplate, shownBy, valueAt } from './template.ts'
import type { AuthorizationDetail, AuthorizationType } from './type.ts'

export interface Described {
  title: string
  sentence: Phrase[]
  /** name by name from the outside in; a value for each entry of a list */
  fields: { name: string[]; values: string[] }[]
}

/** `undefined`: the type was changed since it accepted the detail, and its sentence would have a hole. */
export function describe(type: AuthorizationType, detail: AuthorizationDetail): Described | undefined {
  const pieces = parseTemplate(type.template)
  const shown = shownBy(pieces)
  if (shown.some((path) => !isSingle(valueAt(detail, path)))) return undefined
  const fields = leaves(detail)
    .filter(
      ({ path }) => !(path.length === 1 && path[0] === 'type') && !shown.some((one) => isSame(one, path)),
    )
    .map(({ path, values }) => ({ name: named(type.schema, path), values: values.map(String) }))
  return { title: type.title, sentence: fill(pieces, detail), fields }
}

function isSingle(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

interface Leaf {
  path: string[]
  values: unknown[]
}

/** Every value with its path. A list of plain values is one leaf; what is empty is one without values. */
function leaves(value: unknown, path: string[] = []): Leaf[] {
  const isList = Array.isArray(value)
  if (!isList && !isObject(value)) return [{ path, values: [value] }]
  const members = Object.entries(value)
  if (members.length === 0) return [{ path, values: [] }]
  if (isList && value.every((entry) => !isObject(entry) && !Array.isArray(entry)))
    return [{ path, values: value }]
  return members.flatMap(([name, member]) =>
    leaves(member, [...path, isList ? String(Number(name) + 1) : name]),
  )
}

/** The titles that the schema gives the fields on the way, or else their names. */
function named(schema: JsonObject, path: readonly string[]): string[] {
  let part: JsonObject | undefined = schema
  return path.map((name) => {
    const items: unknown = part?.items
    part = part && (isObject(items) ? items : partAt(part, [name]))
    return typeof part?.title === 'string' && !isObject(items) ? part.title : name
  })
}
