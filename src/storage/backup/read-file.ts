/** Reads a backup from end to end and refuses whatever is not as it was written. */
import type { Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { BackupError, type Header, type Seal, sha256, type TableEnd, type TableHead } from './format.ts'

/** What is in a backup, without its rows. */
export interface Contents extends Seal {
  header: Header
  tables: (TableHead & TableEnd)[]
}

/** Told what comes, in order; a table's rows before it is known that they are whole. */
export interface Visitor {
  header?(header: Header): Promise<void>
  table?(head: TableHead): Promise<void>
  rows?(lines: readonly string[]): Promise<void>
}

/** characters; no row of ours comes near */
const LINE_MAX = 32 * 1024 * 1024
const BATCH = 1000

/** @throws BackupError when it cannot be read, or is not as it was written */
export async function readBackup(file: string, visitor: Visitor = {}): Promise<Contents> {
  const reading = new Reading(file, visitor)
  try {
    for await (const lines of linesOf(file)) await reading.take(lines)
  } catch (error) {
    throw explained(error, file)
  }
  return reading.end()
}

/** A table whose end has not come yet. */
interface OpenTable {
  head: TableHead
  hash: Hash
  rows: number
  batch: string[]
}

class Reading {
  readonly #file: string
  readonly #visitor: Visitor
  readonly #whole = sha256()
  readonly #tables: Contents['tables'] = []
  #header: Header | undefined
  #open: OpenTable | undefined
  #seal: Seal | undefined

  constructor(file: string, visitor: Visitor) {
    this.#file = file
    this.#visitor = visitor
  }

  async take(lines: readonly string[]): Promise<void> {
    for (const line of lines) {
      if (line.startsWith('[') && this.#open) await this.#row(line)
      else await this.#control(line)
    }
  }

  end(): Contents {
    if (!this.#header || !this.#seal) throw this.#damaged('it ends too early')
    return { header: this.#header, tables: this.#tables, ...this.#seal }
  }

  async #row(line: string): Promise<void> {
    const table = this.#open as OpenTable
    table.hash.update(line).update('\n')
    table.rows += 1
    // Rows that nobody asked for would only wait in memory.
    if (this.#visitor.rows) table.batch.push(line)
    if (table.batch.length >= BATCH) await this.#flush()
  }

  async #flush(): Promise<void> {
    const batch = this.#open?.batch.splice(0) ?? []
    if (batch.length > 0) await this.#visitor.rows?.(batch)
  }

  async #control(line: string): Promise<void> {
    const value = this.#parse(line)
    if (this.#seal) throw this.#damaged('something follows its end')
    if ('seal' in value) {
      this.#seal = value as unknown as Seal
      if (this.#open || this.#whole.copy().digest('base64url') !== this.#seal.seal)
        throw this.#damaged('its parts are not those it was made of')
      return
    }
    this.#whole.update(line).update('\n')
    if (!this.#header) {
      this.#header = this.#headerOf(value)
      await this.#visitor.header?.(this.#header)
    } else if ('table' in value && !this.#open) {
      const head = value as unknown as TableHead
      if (!isHead(head)) throw this.#damaged('a line is out of place')
      this.#open = { head, hash: sha256(), rows: 0, batch: [] }
      await this.#visitor.table?.(head)
    } else if ('rows' in value && this.#open) {
      await this.#flush()
      const { head, hash, rows } = this.#open
      const end = value as unknown as TableEnd
      if (end.rows !== rows || end.sha256 !== hash.digest('base64url'))
        throw this.#damaged(`the rows of ${head.table} are not those that were written`)
      this.#tables.push({ ...head, ...end })
      this.#open = undefined
    } else throw this.#damaged('a line is out of place')
  }

  #headerOf(value: object): Header {
    const { ostiary, format } = value as Header
    if (ostiary !== 'backup') throw new BackupError(`${this.#file} is no backup of Ostiary.`)
    if (format !== 1)
      throw new BackupError(`${this.#file} is of a newer version of Ostiary, and this one cannot read it.`)
    if (!isHeader(value as Header)) throw this.#damaged('it does not begin as backups do')
    return value as Header
  }

  #parse(line: string): object {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw this.#header
        ? this.#damaged('a line is broken')
        : new BackupError(`${this.#file} is no backup of Ostiary.`)
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#damaged('a line is out of place')
    return value
  }

  #damaged(how: string): BackupError {
    return new BackupError(
      `${this.#file} is damaged: ${how}. Nothing of it can be trusted; take another backup.`,
    )
  }
}

async function* linesOf(file: string): AsyncGenerator<string[]> {
  // Whichever of the two fails, the other is closed, and who reads is told.
  const text = pipeline(createReadStream(file), createGunzip(), () => {}).setEncoding('utf8')
  let rest = ''
  for await (const chunk of text) {
    const lines: string[] = chunk.split('\n')
    // What is there of a long line is not looked through again for each piece of it.
    lines[0] = rest + lines[0]
    rest = lines.pop() ?? ''
    if (rest.length > LINE_MAX) throw new BackupError(`${file} is damaged: a line has no end.`)
    if (lines.length > 0) yield lines
  }
  if (rest !== '') throw new BackupError(`${file} is damaged: it ends too early.`)
}

/** Before the mark is looked at anybody may have written this, and some of it is shown. */
function isHeader({ version, takenAt, migrations, dataKeys }: Partial<Header>): boolean {
  return (
    /^[\w.+-]{1,100}$/.test(String(version)) &&
    /^[\dTZ:.-]{1,40}$/.test(String(takenAt)) &&
    isListOf(migrations, (name) => /^[\w.-]{1,200}$/.test(String(name))) &&
    isListOf(dataKeys, Number.isInteger)
  )
}

function isHead({ table, columns }: Partial<TableHead>): boolean {
  return /^\w{1,63}$/.test(String(table)) && isListOf(columns, (name) => typeof name === 'string')
}

function isListOf(value: unknown, fits: (one: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(fits)
}

function explained(error: unknown, file: string): unknown {
  const { code = '' } = error as NodeJS.ErrnoException
  if (code === 'ENOENT') return new BackupError(`There is no file ${file}.`, { cause: error })
  if (code === 'EACCES' || code === 'EISDIR')
    return new BackupError(`${file} cannot be read (${code}).`, { cause: error })
  if (/^Z_/.test(code))
    return new BackupError(`${file} is damaged, or no backup of Ostiary.`, { cause: error })
  return error
}
