/** Notices by LISTEN and NOTIFY, for deployments without Redis. Listens on one connection beside the pools. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { Topic } from '../changes.ts'
import { keepLine, type Line, type Listener, Listeners, type Notices } from '../notices.ts'
import type { SqlConnection } from './connection.ts'

const CHANNEL = 'ostiary'
const TIMEOUT_MS = 3_000

export class PostgresNotices implements Notices {
  readonly #connection: SqlConnection
  readonly #listeners = new Listeners()
  readonly #line: { close(): Promise<void> }

  /** @param url of the same database as the connection; not of a pooler that lends connections by transaction */
  constructor(connection: SqlConnection, url: string, onError: (error: Error) => void) {
    this.#connection = connection
    this.#line = keepLine(() => listen(url, this.#listeners), onError)
  }

  publish(topic: Topic): void {
    const statement = { name: 'notices.publish', text: 'select pg_notify($1, $2)', values: [CHANNEL, topic] }
    void this.#connection.query(statement).catch(() => {})
  }

  subscribe(listener: Listener): () => void {
    return this.#listeners.add(listener)
  }

  close(): Promise<void> {
    return this.#line.close()
  }
}

async function listen(url: string, listeners: Listeners): Promise<Line> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'ostiary notices',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    keepAlive: true,
  })
  const ended = new Promise<void>((resolve) => {
    client.once('end', resolve)
    client.on('error', () => resolve())
  })
  client.on('notification', ({ payload }) => listeners.tell(payload ?? ''))
  try {
    await client.connect()
    await client.query(`listen ${CHANNEL}`)
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
  listeners.tellAll()
  // A server that is gone without a word must not hold up a stop.
  const close = () =>
    Promise.race([client.end().catch(() => {}), sleep(TIMEOUT_MS, undefined, { ref: false })])
  return { ended, close }
}
