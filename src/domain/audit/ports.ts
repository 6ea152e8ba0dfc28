/** What the audit needs from the store. */
import type { ChainedRecord, Checkpoint, Link } from './chain.ts'
import type { EventNames } from './classes.ts'
import type { AuditEvent } from './events.ts'
import type { Pruning } from './retention.ts'

export interface AuditRepository {
  append(event: AuditEvent): Promise<void>
  /** Many in one statement. */
  appendAll(events: readonly AuditEvent[]): Promise<void>
}

/** A record as the chain sees it; `mark`: whether it was made under the deployment's secret, or before there were marks. */
export interface MarkedRecord extends ChainedRecord {
  mark: 'good' | 'bad' | 'none'
}

export interface AuditChainRepository {
  /** In a transaction: false when somebody else is linking (or streaming). */
  lock(what?: 'links' | 'stream'): Promise<boolean>
  head(): Promise<Link | undefined>
  /** Whether the last linked record is one with a mark: from then on all must be. */
  isMarked(): Promise<boolean>
  /** Records in no link, oldest first, with their age in seconds; `recent` looks among the last 20,000 only. */
  unlinked(limit: number, among: 'recent' | 'all'): Promise<(MarkedRecord & { age: number })[]>
  append(links: readonly Link[]): Promise<void>
  /** The time by the database's clock, if the head is unsigned and nothing was signed for so long. */
  timeToSign(everySeconds: number): Promise<Date | undefined>
  addCheckpoint(checkpoint: Checkpoint): Promise<void>
  lastCheckpoint(): Promise<Checkpoint | undefined>
  /** The first over this link. */
  checkpointFrom(seq: number): Promise<Checkpoint | undefined>
  /** In order. */
  checkpoints(): Promise<Checkpoint[]>
  /** Ids of up to so many records that stand beside another with the same stamp. */
  copies(limit: number): Promise<string[]>
  /** Links after that one, in order, each with its record as it stands now. */
  page(afterSeq: number, limit: number): Promise<{ link: Link; record: MarkedRecord | undefined }[]>
  /** Of these events, older than so many whole days, of links between the two (exclusive), in order; and than when that is. */
  prunable(
    events: EventNames,
    days: number,
    afterSeq: number,
    beforeSeq: number,
    limit: number,
  ): Promise<{ until: Date; rows: { link: Link; record: MarkedRecord }[] }>
  /** Takes records away and says so. */
  prune(recordIds: readonly string[], pruning: Pruning): Promise<void>
  /** In the order they were made, without the first so many. */
  prunings(skip: number): Promise<Pruning[]>
  /** Destroys the keys of people that no record needs any more. */
  dropKeys(olderThanDays: number): Promise<void>
}

/** The private keys that sign checkpoints, sealed at rest. */
export interface AuditKeyRepository {
  /** Newest last. */
  list(): Promise<{ kid: string; jwk: Record<string, unknown> }[]>
  /** One wins when several make the first. */
  add(kid: string, jwk: Record<string, unknown>): Promise<void>
}
