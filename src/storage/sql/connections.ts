/**
 * All connections of this process to Postgres. A server that was demoted keeps answering whoever is still connected:
 * the first refused write shows it, and then every connection is left, or reads would go on seeing what was true there
 * once (a token that was revoked since at the new primary). And one that died without a word is left after the first
 * answer that did not come: TCP would wait for it for a quarter of an hour, and so would everybody who is lent it.
 */
import type { Socket } from 'node:net'
import type pg from 'pg'

/** "cannot execute in a read-only transaction" */
const READ_ONLY = '25006'
/** A server that stays read-only is not left once for each write it refuses. */
const PAUSE_MS = 1_000

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
  #leftAt = Number.NEGATIVE_INFINITY

  /** @param patienceMs for the answer to a statement */
  add(client: pg.ClientBase, patienceMs: number): void {
    this.#open.add(client)
    client.once('end', () => this.#open.delete(client))
    const { connection } = wire(client)
    connection.stream.setTimeout(patienceMs, () => {
      if (!wire(client).readyForQuery) connection.stream.destroy()
    })
    connection.on('errorMessage', ({ code }) => {
      if (code !== READ_ONLY || performance.now() - this.#leftAt < PAUSE_MS) return
      this.#leftAt = performance.now()
      // Whoever asked is told why first.
      setImmediate(() => this.#leave())
    })
  }

  #leave(): void {
    for (const client of this.#open) wire(client).connection.stream.destroy()
  }
}

function wire(client: pg.ClientBase): Wire {
  return client as unknown as Wire
}
