/**
 * The data keys in a file of their own, wrapped under OSTIARY_SECRET_KEY as they are in the database: the file opens
 * nothing without that key, and a backup opens nothing without this file.
 */
import { readFile } from 'node:fs/promises'
import type { WrappedKey } from '../at-rest.ts'
import { BackupError } from './format.ts'

/** A data key as it is kept, with its times. */
export interface KeptKey {
  version: number
  kekId: string
  /** base64 */
  wrapped: string
  createdAt: string
  activateAt: string
}

interface KeysFile {
  ostiary: 'keys'
  format: 1
  keys: KeptKey[]
}

export function keysFileOf(keys: KeptKey[]): string {
  return `${JSON.stringify({ ostiary: 'keys', format: 1, keys } satisfies KeysFile, undefined, 2)}\n`
}

/** @throws BackupError when it is not such a file */
export async function readKeysFile(file: string): Promise<KeptKey[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    throw new BackupError(`The keys file ${file} cannot be read (${cause.code}).`, { cause })
  })
  const content = parsed(text)
  if (content?.ostiary !== 'keys' || content.format !== 1 || !content.keys.every(isKey))
    throw new BackupError(`${file} is no keys file of Ostiary, or is damaged.`)
  return content.keys
}

/** @param now epoch milliseconds */
export function wrappedKey({ version, kekId, wrapped, activateAt }: KeptKey, now: number): WrappedKey {
  return {
    version,
    kekId,
    wrapped: Buffer.from(wrapped, 'base64'),
    activeIn: (Date.parse(activateAt) - now) / 1000,
  }
}

function parsed(text: string): KeysFile | undefined {
  try {
    const value = JSON.parse(text) as KeysFile
    return Array.isArray(value?.keys) ? value : undefined
  } catch {
    return undefined
  }
}

function isKey(key: Partial<KeptKey> | null): boolean {
  return (
    Number.isInteger(key?.version) &&
    typeof key?.kekId === 'string' &&
    typeof key.wrapped === 'string' &&
    !Number.isNaN(Date.parse(String(key.createdAt))) &&
    !Number.isNaN(Date.parse(String(key.activateAt)))
  )
}
