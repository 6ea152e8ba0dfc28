/** Whose a backup is: its seal carries a keyed hash that only a holder of the data keys can make. */
import type { AtRest } from '../at-rest.ts'
import { BackupError } from './format.ts'
import { type Contents, readBackup } from './read-file.ts'

const KIND = 'Backup'

export function markOf(seal: string, atRest: AtRest): string {
  return atRest.hashId(KIND, seal).toString('base64url')
}

/**
 * Whether a file is whole, and made by who has the keys.
 * @throws BackupError when not
 */
export async function checkBackup(file: string, atRest: AtRest): Promise<Contents> {
  const contents = await readBackup(file)
  const marks = atRest.idHashes(KIND, contents.seal).map((hash) => hash.toString('base64url'))
  if (!marks.includes(contents.mark))
    throw new BackupError(`${file} was not made with these keys, or somebody changed it. Nothing was done.`)
  return contents
}
