/** Backups of a database, taken while it is in use, and restored in one transaction or not at all. */
import { rm } from 'node:fs/promises'
import type { Knex } from 'knex'
import type { AtRest } from '../../at-rest.ts'
import { checkBackup, markOf } from '../../backup/check.ts'
import { BackupError, encode, type Header, type Progress } from '../../backup/format.ts'
import { type KeptKey, keysFileOf } from '../../backup/keys-file.ts'
import { type Contents, readBackup } from '../../backup/read-file.ts'
import { writeCompressed, writeText } from '../../backup/write-file.ts'
import type { SqlConnection } from '../connection.ts'
import { migrateInside, migrationSource } from '../migrate.ts'
import { SqlAudit } from '../repositories/audit.ts'
import { columnsOf, dumpKeys, dumpTables, writeAsText } from './dump.ts'
import { type Ended, keepEnded, lookWhatEnded } from './ended.ts'
import { Loader, resetCounters, setAside } from './load.ts'
import { KEPT, LEFT_OUT } from './tables.ts'

export interface SaveOptions {
  /** of the application */
  version: string
  /** undefined: the keys are in a file from before */
  keysFile: string | undefined
  progress?: Progress
}

export interface RestoreOptions {
  keys: readonly KeptKey[]
  /** what is there goes; what was ended there stays ended */
  replace: boolean
  /** what was ended there comes back all the same: it was ended by mistake */
  revive: boolean
  /** signing keys that must not come back */
  revoked: readonly string[]
  /** asked after the backup was found whole, before anything is changed; who does not agree throws */
  confirm?: (contents: Contents) => Promise<void>
  progress?: Progress
}

export class Backups {
  readonly #connection: SqlConnection
  readonly #atRest: AtRest

  /** @param atRest with the keys of the backup */
  constructor(connection: SqlConnection, atRest: AtRest) {
    this.#connection = connection
    this.#atRest = atRest
  }

  /**
   * One snapshot; nobody waits for it. What was written is read again before it counts.
   * @throws BackupError
   */
  async save(file: string, { version, keysFile, progress = () => {} }: SaveOptions): Promise<Contents> {
    await this.#connection.apart((knex) =>
      knex.transaction(
        async (trx) => {
          await writeAsText(trx)
          const keys = await dumpKeys(trx)
          const header: Header = {
            ...{ ostiary: 'backup', format: 1, version },
            takenAt: await timeOf(trx),
            migrations: await migrationsOf(trx),
            dataKeys: keys.map((key) => key.version),
          }
          const text = encode(header, dumpTables(trx), (seal) => markOf(seal, this.#atRest), progress)
          if (keysFile !== undefined) await writeText(keysFile, keysFileOf(keys))
          try {
            await writeCompressed(file, text)
          } catch (error) {
            // The keys of no backup would only be in the way of the next one.
            if (keysFile !== undefined) await rm(keysFile, { force: true })
            throw error
          }
        },
        { isolationLevel: 'repeatable read', readOnly: true },
      ),
    )
    const contents = await checkBackup(file, this.#atRest)
    await new SqlAudit(this.#connection.knex, this.#atRest).append({
      ...{ name: 'system.backed_up', outcome: 'success', request: undefined },
      detail: { by: 'cli', seal: contents.seal },
    })
    return contents
  }

  /**
   * Everything or nothing. Afterwards nobody is signed in anywhere.
   * @throws BackupError in a sentence: nothing was changed
   */
  async restore(file: string, options: RestoreOptions): Promise<{ contents: Contents; ended: Ended }> {
    const contents = await checkBackup(file, this.#atRest)
    const { header } = contents
    await this.#refuseUnfit(header, options)
    await options.confirm?.(contents)
    const ended = await this.#connection.exclusively((knex) =>
      knex.transaction(async (trx) => {
        await refuseWhileInUse(trx, this.#connection.kind)
        if (!options.replace) await refuseFilled(trx)
        await migrateInside(trx)
        await lookWhatEnded(trx)
        await trx.raw(`truncate ${await emptied(trx)}`)
        await migrateInside(trx, header.migrations)
        await this.#load(trx, file, contents, options)
        await migrateInside(trx)
        await resetCounters(trx)
        const kept = await keepEnded(trx, this.#atRest, options)
        await new SqlAudit(trx, this.#atRest).append({
          ...{ name: 'system.restored', outcome: 'success', request: undefined },
          detail: { by: 'cli', seal: contents.seal, takenAt: header.takenAt, version: header.version },
        })
        return kept
      }),
    )
    return { contents, ended }
  }

  async #load(
    trx: Knex.Transaction,
    file: string,
    { seal }: Contents,
    { keys, progress = () => {} }: RestoreOptions,
  ): Promise<void> {
    const loader = new Loader(trx)
    let [name, done] = ['', 0]
    await writeAsText(trx)
    // What follows from a row (somebody is told, something is counted) followed when it was written first.
    await setTriggers(trx, 'disable')
    const makeAnew = await setAside(trx)
    const again = await readBackup(file, {
      async table(head) {
        name = head.table
        done = 0
        await loader.table(head)
      },
      async rows(lines) {
        await loader.rows(lines)
        done += lines.length
        progress(name, done)
      },
    })
    // It was read once before: what was loaded must be what was checked.
    if (again.seal !== seal) throw new BackupError(`${file} was changed while it was read. Nothing was done.`)
    await makeAnew()
    await setTriggers(trx, 'enable')
    await trx('data_keys').insert(
      keys.map(({ version, kekId, wrapped, createdAt, activateAt }) => ({
        ...{ version, kek_id: kekId, wrapped: Buffer.from(wrapped, 'base64') },
        ...{ created_at: createdAt, activate_at: activateAt },
      })),
    )
  }

  async #refuseUnfit({ dataKeys, migrations, version }: Header, { keys }: RestoreOptions): Promise<void> {
    const known = await migrationSource.getMigrations([])
    const missing = dataKeys.filter((wanted) => !keys.some((key) => key.version === wanted))
    if (missing.length > 0)
      throw new BackupError(`The keys file lacks data key ${missing.join(', ')}, which the backup needs.`)
    const newer = migrations.filter((name) => !known.includes(name))
    if (newer.length > 0)
      throw new BackupError(
        `The backup is of Ostiary ${version}, which is newer: this version does not know ${newer.join(', ')}. Restore it with that version.`,
      )
  }
}

async function timeOf(trx: Knex.Transaction): Promise<string> {
  const { rows } = await trx.raw<{ rows: { now: Date }[] }>('select now() as now')
  return new Date(rows[0]?.now ?? Number.NaN).toISOString()
}

async function migrationsOf(trx: Knex.Transaction): Promise<string[]> {
  return trx('knex_migrations').orderBy('id').pluck('name')
}

/** Its processes would go on with what they have in memory. The embedded database is locked by its directory. */
async function refuseWhileInUse(trx: Knex.Transaction, kind: SqlConnection['kind']): Promise<void> {
  if (kind !== 'postgres') return
  const { rows } = await trx.raw<{ rows: { count: number }[] }>(
    `select count(*)::int as count from pg_stat_activity
    where datname = current_database() and application_name = 'ostiary'`,
  )
  if ((rows[0]?.count ?? 0) > 0)
    throw new BackupError('Ostiary is running on this database: stop every process of it first.')
}

async function refuseFilled(trx: Knex.Transaction): Promise<void> {
  for (const { name } of [{ name: 'data_keys' }, ...KEPT]) {
    const { rows } = await trx.raw<{ rows: { there: string | null }[] }>(
      'select to_regclass(?)::text as there',
      [name],
    )
    if (rows[0]?.there && (await trx(name).first()))
      throw new BackupError(
        `The database is not empty: there are rows in ${name}. Restore into an empty one, or with --replace.`,
      )
  }
}

async function setTriggers(trx: Knex.Transaction, how: 'enable' | 'disable'): Promise<void> {
  for (const { name } of KEPT)
    if ((await columnsOf(trx, name)).length > 0) await trx.raw(`alter table "${name}" ${how} trigger user`)
}

async function emptied(trx: Knex.Transaction): Promise<string> {
  const { rows } = await trx.raw<{ rows: { name: string }[] }>(
    `select relname as name from pg_class where relkind = 'r' and oid = to_regclass(relname::text) and relname = any (?)`,
    [
      [
        ...KEPT.map(({ name }) => name),
        ...Object.keys(LEFT_OUT).filter((name) => name !== 'change_counters'),
      ],
    ],
  )
  return rows.map(({ name }) => `"${name}"`).join(', ')
}
