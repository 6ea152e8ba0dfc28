/**
 * All connections of this process to Postgres lead to one server, and it can be written to. A server that was demoted
 * keeps answering whoever is still connected: the first refused write shows it, and then every connection is left, or
 * reads would go on seeing what was true there once (a token that was revoked since at the new primary, or not there
 * yet). A new connection is used only when its server can be written to (as libpq's `target_session_attrs=read-write`).
 * And one that died without a word is left after the first answer that did not come: TCP would wait for it for a quarter
 * of an hour, and so would everybody who is lent it.
 */
import type { Socket } from 'node:net'
import pg from 'pg'

/** "cannot execute in a read-only transaction" */
const READ_ONLY = '25006'

/** What `pg` has and its types do not name. */
interface Wire {
  /** no statement is on its way */
  readyForQuery: boolean
  connection: {
    on(name: 'errorMessage', told: (message: { code?: string }) => void): void
    stream: Socket
  }
}

export class Connections {
  readonly #open = new Set<pg.ClientBase>()

  /** @param patienceMs for the answer to a statement */
  add(client: pg.ClientBase, patienceMs: number): void {
    this.#open.add(client)
    client.once('end', () => this.#open.delete(client))
    const { connection } = wire(client)
    connection.stream.setTimeout(patienceMs, () => {
      if (!wire(client).readyForQuery) connection.stream.destroy()
    })
    connection.on('errorMessage', ({ code }) => {
      // Whoever asked is told why first.
      if (code === READ_ONLY) setImmediate(() => this.#leave())
    })
  }

  #leave(): void {
    for (const client of this.#open) wire(client).connection.stream.destroy()
  }
}

/** @throws pg.DatabaseError 25006 when the server of a new connection cannot be written to */
export async function assertWritable(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('show transaction_read_only')
  if (rows[0]?.transaction_read_only !== 'on') return
  throw Object.assign(new pg.DatabaseError('this server is read-only', 0, 'error'), { code: READ_ONLY })
}

function wire(client: pg.ClientBase): Wire {
  return client as unknown as Wire
}
