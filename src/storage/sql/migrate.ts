/** Brings a database to the schema this version expects. Reads `migrations/` and nothing else. */
import { readdir } from 'node:fs/promises'
import type { Knex } from 'knex'
import type { SqlConnection } from './connection.ts'

const DIRECTORY = new URL('../../../migrations/', import.meta.url)

/** knex's own loader guesses at compilers; ours lists the files and imports them. */
export const migrationSource: Knex.MigrationSource<string> = {
  async getMigrations() {
    return (await readdir(DIRECTORY)).filter((name) => /^\d{14}_[a-z_]+\.ts$/.test(name)).sort()
  },
  getMigrationName: (name) => name,
  getMigration: (name) => import(new URL(name, DIRECTORY).href),
}

/** Runs every migration that has not run yet, all in one transaction; returns their names. */
export async function migrateUp(connection: SqlConnection): Promise<{ applied: string[] }> {
  return connection.exclusively(async (knex) => {
    await freeLock(knex)
    const [, applied] = await knex.migrate.latest({ migrationSource })
    return { applied }
  })
}

/** Takes back the newest migration, or all of them. Data in dropped tables is gone. */
export async function migrateDown(
  connection: SqlConnection,
  { all = false } = {},
): Promise<{ reverted: string[] }> {
  return connection.exclusively(async (knex) => {
    await freeLock(knex)
    const [, reverted] = await (all
      ? knex.migrate.rollback({ migrationSource }, true)
      : knex.migrate.down({ migrationSource }))
    return { reverted }
  })
}

/** In a transaction: to this version's schema, or to that of which exactly these migrations have run. */
export async function migrateInside(trx: Knex.Transaction, wanted?: readonly string[]): Promise<void> {
  await freeLock(trx)
  if (!wanted) {
    await trx.migrate.latest({ migrationSource })
    return
  }
  const ours = await migrationSource.getMigrations([])
  for (const name of ours.toReversed())
    if (!wanted.includes(name)) await trx.migrate.down({ migrationSource, name } as Knex.MigratorConfig)
}

/** Which migrations have run, and which would. */
export async function migrationStatus(
  connection: SqlConnection,
): Promise<{ applied: string[]; pending: string[] }> {
  const [completed, pending] = await connection.knex.migrate.list({ migrationSource })
  return {
    applied: completed.map((migration: { name: string }) => migration.name),
    // knex hands back what `getMigrations` returned, or objects around it, depending on its version
    pending: pending.map((migration: string | { file: string }) =>
      typeof migration === 'string' ? migration : migration.file,
    ),
  }
}

/** We are alone here, so a lock in knex's own table can only be the leftover of a process that was killed. */
async function freeLock(knex: Knex): Promise<void> {
  await knex.migrate.forceFreeMigrationsLock({ migrationSource })
}
