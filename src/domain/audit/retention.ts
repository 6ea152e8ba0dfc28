/**
 * Taking away audit records that are older than their class is kept, without taking away what shows tampering: the links
 * stay, and a signed statement names those whose records went. Only what stands under a signed head and is as it was made
 * goes; anything else stays to be found.
 */
import type { AuditChainRepository, AuditKeyRepository, Database } from '../ports.ts'
import { ChainCheck, type Checkpoint, type Digest, type Link, textOf } from './chain.ts'
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
      throw new Error(`${odd} audit records are not as they were made and stay: see ostiary audit verify`)
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
      const links = rows.map(({ link }) => link)
      const spokenFor = await this.#spokenFor(links, auditChain, auditKeys)
      const sound = rows.filter(
        ({ link, record }) =>
          digest(record.content) === link.digest && spokenFor.get(link.seq) === link.digest,
      )
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

  /**
   * Digests of the links that the next signed head speaks for. Links are made without a secret: whoever made one anew,
   * for a record that they made old, and put it back later would otherwise have us sign that the record went by age.
   */
  async #spokenFor(
    links: readonly Link[],
    auditChain: AuditChainRepository,
    auditKeys: AuditKeyRepository,
  ): Promise<ReadonlyMap<number, string>> {
    const { keys } = this.#deps
    const spokenFor = new Map<number, string>()
    let walked = 0
    for (const { seq } of links) {
      if (seq <= walked) continue
      const point = await auditChain.checkpointFrom(seq)
      if (!point) break
      walked = point.seq
      const digests = await this.#walk(seq, point, auditChain)
      if (!digests || !(await keys.verify(textOf(point), point, auditKeys))) continue
      for (const [at, digest] of digests) spokenFor.set(at, digest)
    }
    return spokenFor
  }

  /** From a link up to a head; undefined: one does not lead to the other. */
  async #walk(
    from: number,
    { seq, hash }: Checkpoint,
    auditChain: AuditChainRepository,
  ): Promise<Map<number, string> | undefined> {
    const [before] = from > 1 ? await auditChain.page(from - 2, 1) : []
    const check = new ChainCheck(this.#deps.digest, before?.link)
    const digests = new Map<number, string>()
    for (let at = from - 1; at < seq; at = check.head?.seq ?? seq) {
      const page = await auditChain.page(at, Math.min(BATCH, seq - at))
      if (page.length === 0) return undefined
      for (const { link } of page) {
        if (check.walk(link, undefined, true).length > 0) return undefined
        digests.set(link.seq, link.digest)
      }
    }
    return check.head?.hash === hash ? digests : undefined
  }
}
