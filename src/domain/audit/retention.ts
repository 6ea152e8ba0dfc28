/**
 * Taking away audit records that are older than their class is kept, without taking away what shows tampering: the links
 * stay, and a signed statement names those whose records went. Only what stands under a signed head and is as it was made
 * goes; anything else stays to be found.
 */
import type { Database } from '../ports.ts'
import type { Digest } from './chain.ts'
import { AUDIT_CLASSES, type AuditClass, type AuditRetentionDays, longestOf, namesOf } from './classes.ts'
import type { CheckpointKeys } from './ledger.ts'
import { rangesOf } from './ranges.ts'

/** What was taken away at once. */
export interface Pruning {
  kind: AuditClass
  /** records are older than this */
  until: Date
  /** the links whose records went, as in `ranges.ts` */
  seqs: string
  records: number
  kid: string
  signature: string
}

/** What is signed. */
export function textOfPruning({ kind, until, seqs }: Pick<Pruning, 'kind' | 'until' | 'seqs'>): string {
  return ['ostiary audit pruning 1', kind, until.toISOString(), seqs].join('\n')
}

export interface RetentionDeps {
  database: Pick<Database, 'transaction'>
  digest: Digest
  keys: CheckpointKeys
  days: AuditRetentionDays
}

const BATCH = 1000
/** days that keys of people stay behind the records that need them: they are made up to a day before */
const KEYS_STAY = 2

export class AuditRetention {
  readonly #deps: RetentionDeps

  constructor(deps: RetentionDeps) {
    this.#deps = deps
  }

  /**
   * Whole days (UTC) only, so that there is something to do once a day. Returns how many records went.
   * @throws Error where a record that should go is not as it was made: it stays, and so do those beside it that are not
   */
  async prune(): Promise<number> {
    const { days, database } = this.#deps
    let total = 0
    let odd = 0
    for (const kind of AUDIT_CLASSES) {
      if (days[kind] === 0) continue
      for (let after: number | undefined = 0; after !== undefined; ) {
        const done = await this.#batch(kind, days[kind], after)
        total += done.gone
        odd += done.odd
        after = done.next
      }
    }
    const longest = longestOf(days)
    if (longest !== undefined)
      await database.transaction(({ auditChain }) => auditChain.dropKeys(longest + KEYS_STAY))
    if (odd > 0)
      throw new Error(`${odd} audit records are not as they were made and stay: see npm run audit -- verify`)
    return total
  }

  async #batch(kind: AuditClass, days: number, after: number) {
    const { database, digest, keys } = this.#deps
    return database.transaction(async ({ auditChain, auditKeys, audit }) => {
      const none = { gone: 0, odd: 0, next: undefined }
      if (!(await auditChain.lock())) return none
      const head = await auditChain.lastCheckpoint()
      if (!head) return none
      // The newest that is signed stays: what comes behind it is compared with it.
      const { until, rows } = await auditChain.prunable(namesOf(kind), days, after, head.seq, BATCH)
      const sound = rows.filter(({ link, record }) => digest(record.content) === link.digest)
      const next = rows.length === BATCH ? rows.at(-1)?.link.seq : undefined
      const odd = rows.length - sound.length
      if (sound.length === 0) return { gone: 0, odd, next }
      const statement = { kind, until, seqs: rangesOf(sound.map(({ link }) => link.seq)) }
      const signed = await keys.sign(textOfPruning(statement), auditKeys)
      await auditChain.prune(
        sound.map(({ record }) => record.id),
        { ...statement, records: sound.length, ...signed },
      )
      await audit.append({
        ...{ name: 'audit.pruned', outcome: 'success', request: undefined },
        detail: { class: kind, until: until.toISOString(), records: sound.length },
      })
      return { gone: sound.length, odd, next }
    })
  }
}
