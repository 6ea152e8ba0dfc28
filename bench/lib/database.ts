/** The databases of the benchmark: what they count, and rows by the million that look like the product's own. */
import pg from 'pg'

/** Wide enough for the longest bulk load. */
const STATEMENT_TIMEOUT_MS = 600_000

/** Keys of the n-th copy, by the name of their column; whatever else a table has is as in the row that is copied. */
const KEYS: Record<string, (table: string) => string> = {
  id: (table) => `sha256(convert_to('${table}' || n, 'UTF8'))`,
  grant_id: () => `sha256(convert_to('oidc_grants' || n, 'UTF8'))`,
  account_id: () => userId,
  user_id: () => userId,
  uid: () => `sha256(convert_to('uid' || n, 'UTF8'))`,
}
const userId = `'usr_bench' || n`

/** What people who signed in leave behind; copied from the rows that the product wrote itself. */
const LEFT_BEHIND = ['oidc_grants', 'oidc_refresh_tokens', 'oidc_session_families', 'oidc_sessions']

export class Database {
  readonly url: string

  constructor(url: string) {
    this.url = url
  }

  async query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return await this.#connected(async (client) => (await client.query(text, values)).rows)
  }

  /** Transactions of the whole server so far that wrote something. Asking is none. */
  async written(): Promise<number> {
    const [row] = await this.query('select pg_snapshot_xmax(pg_current_snapshot())::text as next')
    return Number(row?.next)
  }

  /**
   * How often the whole server has waited for its log to reach the disk, once the sessions have told: they do so by
   * themselves after ten idle seconds.
   */
  async walSyncs(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, 10_500))
    const [row] = await this.query('select wal_sync from pg_stat_wal')
    return Number(row?.wal_sync)
  }

  /** People `from` to `to` with the password of the one who is there. */
  async addPeople(from: number, to: number): Promise<void> {
    const email = `'p' || n || '@bench.example'`
    await this.#connected(async (client) => {
      await client.query('set synchronous_commit = off')
      // Found before there are copies, which are as old as it.
      const { rows } = await client.query<{ id: string }>('select id from users order by created_at limit 1')
      const first = client.escapeLiteral(String(rows[0]?.id))
      await copies(client, 'users', `id = ${first}`, from, to, {
        id: userId,
        email,
        email_key: email,
        name: `'Person ' || n`,
      })
      await copies(client, 'passwords', `user_id = ${first}`, from, to, { user_id: userId })
      await client.query('analyze users, passwords')
    })
  }

  /** A grant, a refresh token and a session for people `from` to `to`. Needs somebody signed in to copy from. */
  async addArtifacts(from: number, to: number): Promise<void> {
    await Promise.all(LEFT_BEHIND.map((table) => this.#addTo(table, from, to)))
  }

  /** Applications `<id>-1` to `<id>-<count>` with the secret and the metadata of one that is there. */
  async addClients(id: string, count: number): Promise<void> {
    await this.#connected(async (client) => {
      await copies(client, 'clients', `id = '${id}'`, 1, count, { id: `'${id}-' || n` })
      await client.query('analyze clients')
    })
  }

  /** After a bulk load: nothing is left for the background to do while the next figures are taken. */
  async settle(): Promise<void> {
    await this.query('vacuum analyze')
    await this.query('checkpoint')
  }

  async #addTo(table: string, from: number, to: number): Promise<void> {
    await this.#connected(async (client) => {
      const [known] = (await client.query('select to_regclass($1) as oid', [table])).rows
      if (known?.oid === null) return
      // Without a look at foreign keys row by row: what is referenced is written at the same time.
      await client.query('set synchronous_commit = off; set session_replication_role = replica')
      await copies(client, table, 'true', from, to, {})
    })
  }

  async #connected<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({ connectionString: this.url, statement_timeout: STATEMENT_TIMEOUT_MS })
    await client.connect()
    try {
      return await work(client)
    } finally {
      await client.end()
    }
  }
}

/** Columns are read from the catalogue, so that a new one is copied like the rest. */
async function copies(
  client: pg.Client,
  table: string,
  where: string,
  from: number,
  to: number,
  keys: Record<string, string>,
): Promise<void> {
  const columns = await client.query<{ column_name: string }>(
    `select column_name from information_schema.columns
     where table_schema = current_schema and table_name = $1 and is_identity = 'NO' and is_generated = 'NEVER'`,
    [table],
  )
  const names = columns.rows.map((row) => row.column_name)
  const values = names.map((name) => keys[name] ?? KEYS[name]?.(table) ?? `one.${name}`)
  await client.query(
    `insert into ${table} (${names.join(', ')})
     select ${values.join(', ')} from (select * from ${table} where ${where} limit 1) one, generate_series($1::int, $2::int) n`,
    [from, to],
  )
}
