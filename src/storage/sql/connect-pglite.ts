/**
 * Postgres inside the process (PGlite), in memory or in a directory. One session, one lane: everything takes the
 * single connection of knex's pool, because a query sent beside a transaction would land inside it.
 * It never calls fsync: what was acknowledged survives a killed process, but not a power cut.
 */
import { existsSync } from 'node:fs'
import { access, constants, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { DataDirectoryError } from '../faults.ts'
import { parseInt8, type Result, type SqlConnection, type Statement } from './connection.ts'
import { type DirectoryLock, lockDirectory } from './directory-lock.ts'
import { knexOnPglite, run } from './pglite-knex.ts'

const OID_BYTEA = 17
const OID_INT8 = 20

export interface PgliteOptions {
  /** where it keeps its files; undefined: in memory, gone with the process */
  dataDir?: string | undefined
  /** in memory only: what it begins with, as `dumpDataDir` made it; a new one takes seconds */
  image?: Blob | undefined
}

/**
 * Opens (or creates) the database; at most one process at a time may have a directory open. Throws DataDirectoryError.
 * @param looks nothing is made: a database that is not there is an error
 */
export async function connectPglite(
  { dataDir, image }: PgliteOptions,
  { looks = false } = {},
): Promise<SqlConnection> {
  if (looks && dataDir !== undefined && !existsSync(filesIn(dataDir)))
    throw new DataDirectoryError(
      'missing',
      `There is no database in ${dataDir} yet: the first start makes it.`,
    )
  const lock = dataDir === undefined ? undefined : await takeDirectory(dataDir)
  try {
    const db = await open(dataDir, image)
    return connection(db, lock)
  } catch (error) {
    await lock?.release()
    throw error
  }
}

function connection(db: PGlite, lock: DirectoryLock | undefined): SqlConnection {
  const knex = knexOnPglite(db)
  async function query<Row>(statement: Statement): Promise<Result<Row>> {
    const lane = await knex.client.acquireConnection()
    try {
      return await run<Row>(db, statement.text, statement.values)
    } finally {
      await knex.client.releaseConnection(lane)
    }
  }
  const rowsOf = async <Row>(statement: Statement): Promise<Row[]> => (await query<Row>(statement)).rows
  return {
    kind: 'pglite',
    knex,
    query,
    read: rowsOf,
    commit: rowsOf,
    readLanes: 1,
    commitLanes: 1,
    exclusively: (work) => work(knex),
    apart: (work) => work(knex),
    pool: () => undefined,
    async close() {
      await knex.destroy()
      if (!db.closed) await db.close()
      await lock?.release()
    },
  }
}

async function takeDirectory(dataDir: string): Promise<DirectoryLock> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 })
    await access(dataDir, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code
    throw new DataDirectoryError(
      'unusable',
      `The data directory ${dataDir} cannot be read and written by this process (${code}). ` +
        'Give it to the user Ostiary runs as, or choose another directory.',
      { cause },
    )
  }
  const lock = await lockDirectory(dataDir)
  if ('heldBy' in lock) {
    throw new DataDirectoryError(
      'in_use',
      `The data directory ${dataDir} is in use by process ${lock.heldBy}. ` +
        'The embedded database serves one process: stop the other one, or set DATABASE_URL to a Postgres server.',
    )
  }
  return lock
}

async function open(dataDir: string | undefined, image: Blob | undefined): Promise<PGlite> {
  const parsers = { [OID_INT8]: parseInt8, [OID_BYTEA]: parseBytea }
  if (dataDir === undefined)
    return PGlite.create('memory://', image ? { parsers, loadDataDir: image } : { parsers })
  try {
    return await PGlite.create(filesIn(dataDir), { parsers })
  } catch (cause) {
    throw new DataDirectoryError(
      'unusable',
      `The database in ${dataDir} could not be opened: its files are damaged, from another version, or not readable. ` +
        'Restore a backup, or move the directory away to start anew.',
      { cause },
    )
  }
}

const filesIn = (dataDir: string) => join(dataDir, 'postgres')

function parseBytea(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex')
}
