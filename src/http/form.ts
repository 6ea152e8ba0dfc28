/** Reads a posted form strictly: bounded, UTF-8, no NUL, each field once. Nothing is guessed. */
import type { Context } from 'koa'
import getRawBody from 'raw-body'
import { Problem } from './problem.ts'

const LIMIT = 32 * 1024
const FIELDS_MAX = 100

export class Form {
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values
  }

  /** The field's value, or '' when absent. A field sent twice is no form of ours. */
  get(name: string): string {
    const values = this.#values.get(name) ?? []
    if (values.length > 1) throw new Problem('bad-form', { status: 400 })
    return values[0] ?? ''
  }

  /** For check boxes that share a name. */
  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }
}

export async function readForm(ctx: Context): Promise<Form> {
  if (!ctx.is('urlencoded')) throw new Problem('invalid-request', { status: 415 })
  const values = new Map<string, string[]>()
  for (const [name, value] of new URLSearchParams(await readText(ctx))) {
    const known = values.get(name)
    if (known) known.push(value)
    else values.set(name, [value])
    if (values.size > FIELDS_MAX) throw new Problem('too-large')
  }
  return new Form(values)
}

/** JSON object of strings, for the live hints of our own pages. */
export async function readJson(ctx: Context): Promise<Record<string, string>> {
  if (!ctx.is('json')) throw new Problem('invalid-request', { status: 415 })
  let value: unknown
  try {
    value = JSON.parse(await readText(ctx))
  } catch (error) {
    if (error instanceof Problem) throw error
    throw new Problem('invalid-request')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Problem('invalid-request')
  return Object.fromEntries(
    Object.entries(value).map(([name, entry]) => [name, typeof entry === 'string' ? entry : '']),
  )
}

async function readText(ctx: Context): Promise<string> {
  let bytes: Buffer
  try {
    bytes = await getRawBody(ctx.req, { limit: LIMIT, length: ctx.req.headers['content-length'] ?? null })
  } catch (error) {
    const { status } = error as { status?: number }
    throw status === 413 ? new Problem('too-large') : new Problem('invalid-request', { cause: error })
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    // Percent-encoded octets must be UTF-8 too; URLSearchParams would put replacement characters instead.
    if (ctx.is('urlencoded')) decodeURIComponent(text.replaceAll('+', ' '))
    if (text.includes('\0') || /%00/.test(text) || text.includes('\\u0000')) throw new Problem('bad-encoding')
    return text
  } catch (error) {
    throw error instanceof Problem ? error : new Problem('bad-encoding')
  }
}
