/** The machine this runs on: room on the disk, files that may be open. Of this shell; the service may have other limits. */
import { existsSync } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Seen } from './findings.ts'

const LEAST_FREE_BYTES = 512 * 2 ** 20
const LEAST_DESCRIPTORS = 4096

/** @param directory where data is written */
export async function lookAtMachine(directory: string): Promise<Seen[]> {
  const area = 'machine'
  const [free, files] = [await freeBytes(directory), await mostFiles()]
  const seen: Seen[] = [{ area, well: `Node ${process.version}, ${Math.round(free / 2 ** 20)} MiB free` }]
  if (free < LEAST_FREE_BYTES)
    seen.push({ area, code: 'disk-low', what: `${Math.round(free / 2 ** 20)} MiB are free at ${directory}` })
  if (files !== undefined && files < LEAST_DESCRIPTORS)
    seen.push({ area, code: 'descriptors-low', what: `only ${files} files and connections may be open` })
  return seen
}

async function freeBytes(directory: string): Promise<number> {
  let place = resolve(directory)
  while (!existsSync(place)) place = dirname(place)
  const { bavail, bsize } = await statfs(place)
  return bavail * bsize
}

/** undefined where the system does not tell, or has no limit */
async function mostFiles(): Promise<number | undefined> {
  const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '')
  const found = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
  return found === undefined ? undefined : Number(found)
}
