/** A file that a command writes: a new one, for its owner to read only, whole or not at all. */
import { open, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Refusal } from './answer.ts'

/**
 * @param lines asked for when there is somewhere to write them
 * @throws Refusal where something is there already: it is never written over
 */
export async function writeNewFile(
  file: string,
  lines: () => AsyncIterable<string> | Promise<AsyncIterable<string>>,
): Promise<void> {
  const handle = await open(file, 'wx', 0o600).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
    throw new Refusal('file_exists', `${file} is there already; nothing was written`)
  })
  try {
    await pipeline(await lines(), handle.createWriteStream())
  } catch (error) {
    await handle.close()
    await rm(file)
    throw error
  }
}
