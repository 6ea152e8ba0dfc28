/**
 * The audit record as a stream for programs that read Redis: each record once it stands in the chain, in the order of the
 * chain, without what identifies people. How far it has come is kept in the database, so that a Redis that was away, or
 * lost everything, is caught up with. At least once: `seq` tells a reader what it has seen.
 */
import type { Database } from '../ports.ts'
import { payloadOf } from '../webhooks/webhook.ts'

export interface StreamDeps {
  database: Pick<Database, 'transaction'>
  /** Throws when it cannot, with any number of them added. */
  add(entries: readonly StreamEntry[]): Promise<void>
}

export interface StreamEntry {
  /** of the link: 1, 2, 3 …; what is missing went by retention */
  seq: number
  /** as a webhook is told it */
  payload: string
}

const POSITION = 'audit-stream'
const BATCH = 200

export class AuditStream {
  readonly #deps: StreamDeps

  constructor(deps: StreamDeps) {
    this.#deps = deps
  }

  /** Adds what is new; the first time of all nothing, because what was before is in an export. Returns how many. */
  async follow(): Promise<number> {
    let total = 0
    for (let done = BATCH; done === BATCH; total += done) done = await this.#batch()
    return total
  }

  #batch(): Promise<number> {
    return this.#deps.database.transaction(async ({ auditChain, trail, settings }) => {
      if (!(await auditChain.lock('stream'))) return 0
      const known = await settings.get(POSITION)
      if (typeof known !== 'number') {
        await settings.put(POSITION, (await auditChain.head())?.seq ?? 0)
        return 0
      }
      const page = await auditChain.page(known, BATCH)
      const last = page.at(-1)
      if (!last) return 0
      const records = await trail.byIds(page.flatMap(({ record }) => record?.id ?? []))
      const byId = new Map(records.map((record) => [record.id, record]))
      const entries = page.flatMap(({ link }) => {
        const record = byId.get(link.recordId)
        return record ? [{ seq: link.seq, payload: payloadOf(record, { personal: false }) }] : []
      })
      await this.#deps.add(entries)
      await settings.put(POSITION, last.link.seq)
      return page.length
    })
  }
}
