/**
 * Which JSON Schemas a type may have: a part of draft 2020-12 that leaves no doubt what a field is. Objects are closed
 * (RFC 9396 5: unknown fields are refused), every part has one `type`, and there are no references, conditions or
 * alternatives. Whatever is outside is refused when the type is registered, and never ignored.
 */
import { isObject, type JsonObject } from './json.ts'
import type { AuthorizationType } from './type.ts'

const ANNOTATIONS = ['type', 'title', 'description']
const NUMBER = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'enum', 'const']
const KEYWORDS: Record<string, readonly string[]> = {
  string: ['minLength', 'maxLength', 'pattern', 'format', 'enum', 'const'],
  number: NUMBER,
  integer: NUMBER,
  boolean: ['const'],
  array: ['items', 'minItems', 'maxItems'],
  object: ['properties', 'required', 'additionalProperties'],
}
const FORMATS = ['date', 'date-time', 'email', 'uri', 'uuid']
/** Said beside the schema, or by the standard itself. */
const RESERVED = ['type', 'actions', 'locations']
const DEPTH_MAX = 5
const PATTERN_MAX = 200

/** What is wrong with the schema of a type's own fields, each as a sentence; empty: nothing. */
export function schemaFaults(schema: unknown): string[] {
  if (!isObject(schema) || schema.type !== 'object') return ['schema must be a JSON Schema of type "object"']
  const { $schema: _, ...root } = schema
  const reserved = Object.keys(isObject(root.properties) ? root.properties : {}).filter((name) =>
    RESERVED.includes(name),
  )
  return [
    ...reserved.map((name) => `schema must not describe "${name}": it is said beside the schema`),
    ...faultsIn(root, 'schema', 1),
  ]
}

/** The schema of a whole detail: its own fields, `type`, and `actions` and `locations` as far as the type has them. */
export function wholeSchema(type: AuthorizationType): JsonObject {
  const { $schema: _, ...own } = type.schema
  const listOf = (values: readonly string[]) => ({
    type: 'array',
    items: { type: 'string', enum: values },
    minItems: 1,
    maxItems: values.length,
  })
  const closed = closedSchema(own)
  return {
    ...closed,
    properties: {
      ...(closed.properties as JsonObject),
      type: { type: 'string', const: type.name },
      ...(type.actions.length > 0 ? { actions: listOf(type.actions) } : {}),
      ...(type.locations.length > 0 ? { locations: listOf(type.locations) } : {}),
    },
    required: ['type', ...((own.required as string[] | undefined) ?? [])],
  }
}

/** The part of the schema that a field has. */
export function partAt(schema: JsonObject, path: readonly string[]): JsonObject | undefined {
  let part: JsonObject | undefined = schema
  for (const name of path) {
    const members: unknown = part?.properties
    const next: unknown = isObject(members) && Object.hasOwn(members, name) ? members[name] : undefined
    part = isObject(next) ? next : undefined
  }
  return part
}

/** Whether every valid detail has the field. */
export function isRequired(schema: JsonObject, path: readonly string[]): boolean {
  return path.every((name, index) => {
    const required = partAt(schema, path.slice(0, index))?.required
    return Array.isArray(required) && required.includes(name)
  })
}

function faultsIn(part: unknown, where: string, depth: number): string[] {
  if (depth > DEPTH_MAX) return [`${where} is nested deeper than ${DEPTH_MAX} levels`]
  if (!isObject(part)) return [`${where} must be an object`]
  const keywords = typeof part.type === 'string' ? KEYWORDS[part.type] : undefined
  if (!keywords) return [`${where}.type must be one of ${Object.keys(KEYWORDS).join(', ')}`]
  const foreign = Object.keys(part).filter((name) => !ANNOTATIONS.includes(name) && !keywords.includes(name))
  return [
    ...foreign.map((name) => `${where}.${name} is not supported for type "${part.type}"`),
    ...valueFaults(part, where),
    ...(part.type === 'object' ? objectFaults(part, where, depth) : []),
    ...(part.type === 'array' ? faultsIn(part.items, `${where}.items`, depth + 1) : []),
  ]
}

function valueFaults(part: JsonObject, where: string): string[] {
  const faults: string[] = []
  const fault = (name: string, what: string) => faults.push(`${where}.${name} ${what}`)
  for (const name of ['title', 'description'])
    if (part[name] !== undefined && typeof part[name] !== 'string') fault(name, 'must be a text')
  for (const name of [...NUMBER.slice(0, 5), 'minLength', 'maxLength', 'minItems', 'maxItems'])
    if (part[name] !== undefined && !Number.isFinite(part[name])) fault(name, 'must be a number')
  if (
    part.enum !== undefined &&
    !(Array.isArray(part.enum) && part.enum.length > 0 && part.enum.every(isScalar))
  )
    fault('enum', 'must be a list of plain values')
  if (part.const !== undefined && !isScalar(part.const)) fault('const', 'must be a plain value')
  if (part.format !== undefined && !FORMATS.includes(String(part.format)))
    fault('format', `must be one of ${FORMATS.join(', ')}`)
  if (part.pattern !== undefined && !isPattern(part.pattern))
    fault(
      'pattern',
      `must be a regular expression of at most ${PATTERN_MAX} characters that repeats no groups`,
    )
  return faults
}

function objectFaults(part: JsonObject, where: string, depth: number): string[] {
  const { properties = {}, required = [], additionalProperties = false } = part
  if (!isObject(properties)) return [`${where}.properties must be an object`]
  const faults = Object.entries(properties).flatMap(([name, one]) =>
    faultsIn(one, `${where}.properties.${name}`, depth + 1),
  )
  if (additionalProperties !== false)
    faults.push(`${where}.additionalProperties must be false: unknown fields are refused (RFC 9396 5)`)
  if (!Array.isArray(required)) return [...faults, `${where}.required must be a list`]
  const known = (name: unknown) =>
    Object.hasOwn(properties, String(name)) || (depth === 1 && RESERVED.includes(String(name)))
  for (const name of required)
    if (!known(name)) faults.push(`${where}.required names "${name}", which is not described`)
  return faults
}

/** Of foreign text at most 500 characters are matched; a repeated group could still take for ever. */
function isPattern(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > PATTERN_MAX || /\)[*+{]/.test(value)) return false
  try {
    return new RegExp(value, 'u') !== undefined
  } catch {
    return false
  }
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'boolean'].includes(typeof value)
}

function closedSchema(part: JsonObject): JsonObject {
  if (part.type === 'array') return { ...part, items: closedSchema(part.items as JsonObject) }
  if (part.type !== 'object') return part
  const properties = Object.entries((part.properties ?? {}) as Record<string, JsonObject>)
  return {
    ...part,
    properties: Object.fromEntries(properties.map(([name, one]) => [name, closedSchema(one)])),
    additionalProperties: false,
  }
}
