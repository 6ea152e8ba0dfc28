/**
 * A PostgreSQL primary with a synchronous streaming standby: a commit is acknowledged when both have it on disk. What
 * becomes of the primary is the test's affair.
 */
import { spawnSync } from 'node:child_process'
import { chownSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { findPostgres } from './binaries.ts'
import { postgresService, type RunningService, startPostgres, unprivileged } from './services.ts'

const PATIENCE_MS = 20_000

export class PostgresCluster {
  readonly primary: RunningService
  readonly standby: RunningService

  private constructor(primary: RunningService, standby: RunningService) {
    this.primary = primary
    this.standby = standby
  }

  static async start(settings: Record<string, string | number> = {}): Promise<PostgresCluster> {
    const primary = await startPostgres(settings)
    try {
      const standby = await startStandby(primary.service.port, settings)
      const cluster = new PostgresCluster(primary, standby)
      try {
        // Only now: a primary that waits for a standby that is not there commits nothing.
        await run(primary.url, [
          "alter system set synchronous_standby_names = '*'",
          'alter system set synchronous_commit = on',
          'select pg_reload_conf()',
        ])
        await cluster.#untilSynchronous()
        return cluster
      } catch (error) {
        await standby.stop()
        throw error
      }
    } catch (error) {
      await primary.stop()
      throw error
    }
  }

  /** Makes the standby a primary, whatever became of the old one; resolves when it takes writes. */
  async promote(): Promise<void> {
    await run(this.standby.url, ['select pg_promote(true, 20)'])
    await until('the standby takes writes', async () => {
      const [row] = await run(this.standby.url, ['select pg_is_in_recovery() as standby'])
      return row?.standby === false
    })
  }

  async stop(): Promise<void> {
    await Promise.all([this.primary.stop(), this.standby.stop()])
  }

  async #untilSynchronous(): Promise<void> {
    await until('the standby is synchronous', async () => {
      const [row] = await run(this.primary.url, [
        "select count(*)::int as n from pg_stat_replication where state = 'streaming' and sync_state = 'sync'",
      ])
      return row?.n === 1
    })
  }
}

async function startStandby(
  primaryPort: number,
  settings: Record<string, string | number>,
): Promise<RunningService> {
  const bin = findPostgres()
  if (!bin) throw new Error('no PostgreSQL server found')
  const owner = unprivileged()
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-standby-'))
  if (owner) chownSync(folder, owner.uid, owner.gid)
  const data = join(folder, 'data')
  const from = ['-h', '127.0.0.1', '-p', String(primaryPort), '-U', 'ostiary']
  const backup = spawnSync(
    join(bin, 'pg_basebackup'),
    [...from, '-D', data, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'],
    { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], ...owner },
  )
  if (backup.status !== 0) {
    rmSync(folder, { recursive: true, force: true })
    throw new Error(`pg_basebackup failed: ${backup.error ?? backup.stderr}`)
  }
  return await postgresService(bin, folder, owner, settings)
}

/** The rows of the last statement, over a connection of its own. */
async function run(url: string, statements: string[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
  await client.connect()
  try {
    let rows: Record<string, unknown>[] = []
    for (const statement of statements) rows = (await client.query(statement)).rows
    return rows
  } finally {
    await client.end()
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (performance.now() < deadline) {
    if (await holds()) return
    await sleep(50)
  }
  throw new Error(`never happened: ${what}`)
}
