/**
 * The sentence of a type: text with `{{path.to.field}}`, or `{{path | number}}`, `{{path | date}}`, `{{path | money}}`
 * (an object of `amount` and `currency`). It runs nothing. A field in it must be one that every detail has, so that no
 * sentence has a hole.
 */
import { isObject, type JsonObject } from './json.ts'
import { isReadable } from './limits.ts'
import { isRequired, partAt } from './schema.ts'

const HELPERS = ['number', 'date', 'money'] as const
type Helper = (typeof HELPERS)[number]

export type Piece = { text: string } | { path: string[]; helper: Helper | undefined }

/** A piece of a sentence as people read it; values are the application's, text is the administrator's. */
export interface Phrase {
  kind: 'text' | 'value'
  text: string
}

const TEMPLATE_MAX = 300
const PLACEHOLDER = /\{\{([^{}]*)\}\}/
const PATH = /^\s*([\w-]+(?:\.[\w-]+)*)\s*(?:\|\s*(\w+)\s*)?$/

/** @throws Error when it is no template */
export function parseTemplate(template: string): Piece[] {
  return template.split(PLACEHOLDER).map((part, index) => {
    if (index % 2 === 0) {
      if (/[{}]/.test(part)) throw new Error('template has a brace that is no placeholder')
      return { text: part }
    }
    const [, path, helper] = PATH.exec(part) ?? []
    if (path === undefined) throw new Error(`template: "{{${part}}}" is no {{path}} or {{path | helper}}`)
    if (helper !== undefined && !HELPERS.includes(helper as Helper))
      throw new Error(`template: there is no helper "${helper}", only ${HELPERS.join(', ')}`)
    return { path: path.split('.'), helper: helper as Helper | undefined }
  })
}

/** What is wrong with a template for details of this schema, each as a sentence; empty: nothing. */
export function templateFaults(template: unknown, schema: JsonObject): string[] {
  if (
    typeof template !== 'string' ||
    template.trim() === '' ||
    template.length > TEMPLATE_MAX ||
    !isReadable(template)
  )
    return [`template must be a plain sentence of at most ${TEMPLATE_MAX} characters`]
  let pieces: Piece[]
  try {
    pieces = parseTemplate(template)
  } catch (error) {
    return [(error as Error).message]
  }
  return fieldsOf(pieces).flatMap(({ path, helper }) => {
    const name = path.join('.')
    const part = partAt(schema, path)
    if (!part) return [`template: the schema has no field "${name}"`]
    if (!isRequired(schema, path)) return [`template: "${name}" must be required, or the sentence has a hole`]
    if (helper === 'money')
      return ['amount', 'currency'].every((one) => isRequired(schema, [...path, one]))
        ? []
        : [`template: "${name}" must require amount and currency to be read as money`]
    if (part.type === 'object' || part.type === 'array') return [`template: "${name}" is not a single value`]
    return []
  })
}

/** The sentence for a detail that its schema accepted. */
export function fill(pieces: readonly Piece[], detail: JsonObject): Phrase[] {
  const phrases = pieces.map(
    (piece): Phrase =>
      'text' in piece
        ? { kind: 'text', text: piece.text }
        : { kind: 'value', text: worded(valueAt(detail, piece.path), piece.helper) },
  )
  const [first] = phrases
  if (first?.kind === 'text') first.text = first.text.charAt(0).toUpperCase() + first.text.slice(1)
  return phrases.filter(({ text }) => text !== '')
}

/** The fields that the sentence shows. */
export function shownBy(pieces: readonly Piece[]): string[][] {
  return fieldsOf(pieces).flatMap(({ path, helper }) =>
    helper === 'money'
      ? [
          [...path, 'amount'],
          [...path, 'currency'],
        ]
      : [path],
  )
}

function fieldsOf(pieces: readonly Piece[]) {
  return pieces.filter((piece): piece is Exclude<Piece, { text: string }> => 'path' in piece)
}

export function valueAt(detail: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), detail)
}

function worded(value: unknown, helper: Helper | undefined): string {
  if (helper === 'money' && isObject(value)) return `${grouped(String(value.amount))} ${value.currency}`
  const text = String(value)
  if (helper === 'number') return grouped(text)
  return helper === 'date' ? spelled(text) : text
}

/** 1234567.50 -> 1,234,567.50: exact, whatever the number of digits; what is no plain number stays as it is. */
function grouped(text: string): string {
  const [, sign = '', whole = '', fraction = ''] = /^(-?)(\d+)(\.\d+)?$/.exec(text) ?? []
  return whole === '' ? text : sign + whole.replace(/\B(?=(\d{3})+$)/g, ',') + fraction
}

/** 2026-11-21 -> 21 November 2026; what is no date, or has a time, stays as it is. */
function spelled(text: string): string {
  const date = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(`${text}T00:00:00Z`) : undefined
  if (!date || Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text)) return text
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' }).format(date)
}
