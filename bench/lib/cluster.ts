/** One PostgreSQL server of its own for the whole run, as durable as in production, with a database for each product. */
import pg from 'pg'
import { findPostgres, findRedis } from '../../test/support/binaries.ts'
import { type RunningService, startPostgres, startRedis } from '../../test/support/services.ts'
import { Database } from './database.ts'

/** fsync and synchronous_commit are on by default and stay so. */
export const POSTGRES_SETTINGS = { shared_buffers: '512MB', max_wal_size: '4GB', checkpoint_timeout: '15min' }

export class Cluster {
  readonly #postgres: RunningService
  readonly #redis: RunningService | undefined

  private constructor(postgres: RunningService, redis: RunningService | undefined) {
    this.#postgres = postgres
    this.#redis = redis
  }

  static async start(withRedis: boolean): Promise<Cluster> {
    if (!findPostgres()) throw new Error('no PostgreSQL server found; "npm test" installs it or says how')
    if (withRedis && !findRedis())
      throw new Error('no Redis server found; "npm test" installs it or says how')
    const postgres = await startPostgres(POSTGRES_SETTINGS)
    try {
      return new Cluster(postgres, withRedis ? await startRedis() : undefined)
    } catch (error) {
      await postgres.stop()
      throw error
    }
  }

  get pids(): number[] {
    return [this.#postgres, this.#redis].flatMap((it) => it?.service.pid ?? [])
  }

  get redisUrl(): string | undefined {
    return this.#redis?.url
  }

  async newDatabase(name: string): Promise<Database> {
    await new Database(this.#postgres.url).query(`create database ${pg.escapeIdentifier(name)}`)
    const url = new URL(this.#postgres.url)
    url.pathname = `/${name}`
    return new Database(url.href)
  }

  async version(): Promise<string> {
    const [row] = await new Database(this.#postgres.url).query('show server_version')
    return `PostgreSQL ${String(row?.server_version).split(' ')[0]}`
  }

  async stop(): Promise<void> {
    await this.#redis?.stop()
    await this.#postgres.stop()
  }
}
