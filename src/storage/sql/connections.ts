/**
 * All connections of this process to Postgres. A server that was demoted keeps answering whoever is still connected:
 * the first refused write shows it, and then every connection is left, or reads would go on seeing what was true there
 * once (a token that was revoked since at the new primary).
 */
import type pg from 'pg'

/** "cannot execute in a read-only transaction" */
const READ_ONLY = '25006'
/** A server that stays read-only is not left once for each write it refuses. */
const PAUSE_MS = 1_000

/** What `pg` has and its types do not name. */
interface Wire {
  connection: {
    on(name: 'errorMessage', told: (message: { code?: string }) => void): void
    stream: { destroy(): void }
  }
}

export class Connections {
  readonly #open = new Set<pg.ClientBase>()
  #leftAt = Number.NEGATIVE_INFINITY

  add(client: pg.ClientBase): void {
    this.#open.add(client)
    client.once('end', () => this.#open.delete(client))
    wire(client).on('errorMessage', ({ code }) => {
      if (code !== READ_ONLY || performance.now() - this.#leftAt < PAUSE_MS) return
      this.#leftAt = performance.now()
      // Whoever asked is told why first.
      setImmediate(() => this.#leave())
    })
  }

  #leave(): void {
    for (const client of this.#open) wire(client).stream.destroy()
  }
}

function wire(client: pg.ClientBase): Wire['connection'] {
  return (client as unknown as Wire).connection
}
