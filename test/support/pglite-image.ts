/** An embedded database with all migrations in it, made once in a run: to make it anew takes two to three seconds of CPU. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { migrateUp } from '../../src/storage/sql/migrate.ts'

let image: Promise<Blob> | undefined

export function migratedImage(): Promise<Blob> {
  image ??= make()
  return image
}

async function make(): Promise<Blob> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ostiary-image-'))
  try {
    const connection = await connectPglite({ dataDir })
    await migrateUp(connection)
    await connection.close()
    const database = await PGlite.create(join(dataDir, 'postgres'))
    const made = await database.dumpDataDir('none')
    await database.close()
    return made
  } finally {
    await rm(dataDir, { recursive: true, force: true })
  }
}
