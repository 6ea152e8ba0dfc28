/** New files only: nobody's backup is overwritten, and none has its name before it is whole and on the disk. */
import { link, open, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { BackupError } from './format.ts'

/** As fast as it reads from the database; the best level takes five times as long for a tenth less. */
const LEVEL = 4

/** @throws BackupError when there is such a file */
export function writeCompressed(file: string, text: AsyncIterable<string>): Promise<void> {
  return writeNew(file, async (handle) => {
    await pipeline(
      Readable.from(text),
      createGzip({ level: LEVEL }),
      handle.createWriteStream({ flush: true }),
    )
  })
}

/** @throws BackupError when there is such a file */
export function writeText(file: string, text: string): Promise<void> {
  return writeNew(file, async (handle) => {
    await handle.writeFile(text)
    await handle.sync()
  })
}

type Handle = Awaited<ReturnType<typeof open>>

async function writeNew(file: string, write: (handle: Handle) => Promise<void>): Promise<void> {
  const partial = `${file}.${process.pid}.partial`
  try {
    const handle = await open(partial, 'wx', 0o600)
    await write(handle).finally(() => handle.close())
    await link(partial, file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw new BackupError(`${file} is there already: choose another name.`, { cause: error })
    if (code === 'ENOENT' || code === 'EACCES' || code === 'ENOSPC')
      throw new BackupError(`${file} cannot be written (${code}).`, { cause: error })
    throw error
  } finally {
    await rm(partial, { force: true })
  }
}
