/** SQL beside the app's own ports, for tests that ask what really stands in the database, or bring about the rare. */
import { PGlite } from '@electric-sql/pglite'
import pg from 'pg'
import type { RunningApp } from './start-app.ts'

export interface Sql {
  query<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** Every row of every table as text (bytea as hex), each with its table before it. */
  dump(): Promise<string[]>
  close(): Promise<void>
}

// The embedded database lives inside the app and shows itself to nobody: remembered where it is made.
let lastEmbedded: PGlite | undefined
const create = PGlite.create as (...args: unknown[]) => Promise<PGlite>
PGlite.create = (async (...args: unknown[]) => {
  lastEmbedded = await create.apply(PGlite, args)
  return lastEmbedded
}) as typeof PGlite.create

/** @param running the app that was started last */
export async function sqlOf(running: RunningApp): Promise<Sql> {
  const query = running.secrets.databaseUrl
    ? await onPostgres(running.secrets.databaseUrl)
    : onEmbedded(running, lastEmbedded as PGlite)
  return {
    query: query.run,
    close: query.close,
    async dump() {
      const tables = await query.run<{ name: string }>(
        `select tablename as name from pg_tables where schemaname = 'public' order by 1`,
      )
      const rows: string[] = []
      for (const { name } of tables) {
        const texts = await query.run<{ text: string }>(`select t::text as text from "${name}" t`)
        rows.push(...texts.map(({ text }) => `${name} ${text}`))
      }
      return rows
    },
  }
}

interface Runner {
  run<Row>(text: string, values?: unknown[]): Promise<Row[]>
  close(): Promise<void>
}

async function onPostgres(connectionString: string): Promise<Runner> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return {
    run: async <Row>(text: string, values: unknown[] = []) =>
      (await client.query(text, values)).rows as Row[],
    close: () => client.end(),
  }
}

/** One session: inside a transaction of the app's own pool, so that the statement lands in nobody else's. */
function onEmbedded(running: RunningApp, embedded: PGlite): Runner {
  return {
    run: <Row>(text: string, values: unknown[] = []) =>
      running.app.storage.database.transaction(async () => (await embedded.query<Row>(text, values)).rows),
    close: async () => {},
  }
}
