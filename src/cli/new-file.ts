/** A file that a command writes: a new one, for its owner to read only. */
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { Refusal } from './answer.ts'

/** Throws Refusal where something is there already: it is never written over. */
export async function writeNewFile(file: string, lines: AsyncIterable<string>): Promise<void> {
  try {
    await pipeline(lines, createWriteStream(file, { flags: 'wx', mode: 0o600 }))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new Refusal('file_exists', `${file} is there already; nothing was written`)
  }
}
