/**
 * What a backup file holds: gzip over lines of JSON. A header; for each table a line with its columns, its rows as arrays
 * of the text Postgres writes (or null), and a line with their number and SHA-256; at last the seal: a hash over all
 * lines that are no rows, and a mark that only a holder of the data keys can make. Nothing here opens a database.
 */
import { createHash, type Hash } from 'node:crypto'

export interface Header {
  ostiary: 'backup'
  format: 1
  /** of the application */
  version: string
  /** ISO 8601; by the database's clock, when the snapshot was taken */
  takenAt: string
  /** the schema: names of all migrations that had run, in order */
  migrations: string[]
  /** versions of the data keys without which the rows cannot be used; they are in the keys file */
  dataKeys: number[]
}

export interface TableHead {
  table: string
  columns: string[]
}

export interface TableEnd {
  rows: number
  /** base64url, over the lines of the rows */
  sha256: string
}

export interface Seal {
  /** base64url, over the header and what stands around the rows of every table */
  seal: string
  /** base64url, keyed */
  mark: string
}

/** A table on its way into a file; lines come in batches. */
export interface TableDump extends TableHead {
  batches: AsyncIterable<readonly string[]>
}

/** What cannot be done with a backup; the message is a sentence for the operator. */
export class BackupError extends Error {
  override readonly name = 'BackupError'
}

/** Told how many rows of a table are done. */
export type Progress = (table: string, rows: number) => void

/** @param markOf makes the mark of a seal */
export async function* encode(
  header: Header,
  tables: AsyncIterable<TableDump>,
  markOf: (seal: string) => string,
  progress: Progress,
): AsyncGenerator<string> {
  const whole = sha256()
  const control = (value: object) => {
    const line = `${JSON.stringify(value)}\n`
    whole.update(line)
    return line
  }
  yield control(header)
  for await (const { table, columns, batches } of tables) {
    yield control({ table, columns } satisfies TableHead)
    const hash = sha256()
    let rows = 0
    for await (const batch of batches) {
      const text = `${batch.join('\n')}\n`
      hash.update(text)
      rows += batch.length
      yield text
      progress(table, rows)
    }
    yield control({ rows, sha256: hash.digest('base64url') } satisfies TableEnd)
  }
  const seal = whole.digest('base64url')
  yield `${JSON.stringify({ seal, mark: markOf(seal) } satisfies Seal)}\n`
}

export function sha256(): Hash {
  return createHash('sha256')
}
