/**
 * All connections of this process to Postgres lead to one server, and it can be written to. A server that was demoted
 * keeps answering whoever is still connected: the first refused write shows it, and then every connection is left, or
 * reads would go on seeing what was true there once (a token that was revoked since at the new primary, or not there
 * yet). A new connection is used only when its server can be written to (as libpq's `target_session_attrs=read-write`).
 */
import pg from 'pg'

/** "cannot execute in a read-only transaction" */
const READ_ONLY = '25006'

/** What `pg` has and its types do not name. */
interface Wire {
  connection: {
    on(name: 'errorMessage', told: (message: { code?: string }) => void): void
    stream: { destroy(): void }
  }
}

export class Connections {
  readonly #open = new Set<pg.ClientBase>()

  add(client: pg.ClientBase): void {
    this.#open.add(client)
    client.once('end', () => this.#open.delete(client))
    wire(client).on('errorMessage', ({ code }) => {
      // Whoever asked is told why first.
      if (code === READ_ONLY) setImmediate(() => this.#leave())
    })
  }

  #leave(): void {
    for (const client of this.#open) wire(client).stream.destroy()
  }
}

/** @throws pg.DatabaseError 25006 when the server of a new connection cannot be written to */
export async function assertWritable(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query<{ transaction_read_only: string }>('show transaction_read_only')
  if (rows[0]?.transaction_read_only !== 'on') return
  throw Object.assign(new pg.DatabaseError('this server is read-only', 0, 'error'), { code: READ_ONLY })
}

function wire(client: pg.ClientBase): Wire['connection'] {
  return (client as unknown as Wire).connection
}
