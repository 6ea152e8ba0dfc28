/** The chain over the audit records, and the keys that sign its heads. Links and signatures are appended, never changed. */
import type { Knex } from 'knex'
import type { Checkpoint, Link } from '../../../domain/audit/chain.ts'
import type { EventNames } from '../../../domain/audit/classes.ts'
import type { Pruning } from '../../../domain/audit/retention.ts'
import type { AuditChainRepository, AuditKeyRepository, MarkedRecord } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { isGenuine, type Marked, saying } from '../audit-mark.ts'
import { AUDIT_KEY, placeOf } from '../sealed-columns.ts'

/** "audi" and "auds" as numbers: the advisory locks links are made and streamed under. */
const LOCKS = { links: 0x61756469, stream: 0x61756473 }
/** Records get their numbers before they are committed: so far apart they never come. */
const RECENT = 20_000

const RECORD = `e.id::text as id, to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') as at,
  e.stamp, e.mark, e.name, e.outcome, e.user_id, e.client_id, e.request_id, e.ip, e.user_agent, e.detail::text as detail, e.sealed`

type RecordRow = Omit<Marked, 'stamp' | 'mark' | 'keys'> & {
  id: string | null
  at: string
  stamp: string | null
  mark: string | null
}

interface LinkRow {
  seq: string | number
  event_id: string | number
  digest: string
  hash: string
}

interface CheckpointRow {
  seq: string | number
  hash: string
  signed_at: Date
  kid: string
  signature: string
}

export class SqlAuditChain implements AuditChainRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async lock(what: keyof typeof LOCKS = 'links'): Promise<boolean> {
    const { rows } = await this.#knex.raw('select pg_try_advisory_xact_lock(?) as locked', [LOCKS[what]])
    return rows[0].locked
  }

  async head(): Promise<Link | undefined> {
    const row = await this.#knex<LinkRow>('audit_chain').orderBy('seq', 'desc').first()
    return row && linkOf(row)
  }

  async isMarked(): Promise<boolean> {
    const { rows } = await this.#knex.raw(
      `select exists (select from audit_events where mark is not null
        and id = (select event_id from audit_chain order by seq desc limit 1)) as marked`,
    )
    return rows[0].marked
  }

  async unlinked(limit: number, among: 'recent' | 'all'): Promise<(MarkedRecord & { age: number })[]> {
    const recent = `and e.id > coalesce((select max(event_id) from audit_chain), ${RECENT}) - ${RECENT}`
    const { rows } = await this.#knex.raw(
      `select ${RECORD}, extract(epoch from clock_timestamp() - e.created_at)::float8 as age from audit_events e
      where not exists (select from audit_chain c where c.event_id = e.id) ${among === 'recent' ? recent : ''}
      order by e.id limit ?`,
      [limit],
    )
    return (rows as (RecordRow & { age: number })[]).map((row) => ({ ...this.#recordOf(row), age: row.age }))
  }

  async append(links: readonly Link[]): Promise<void> {
    if (links.length === 0) return
    const rows = links.map(({ seq, recordId, digest, hash }) => ({ seq, event_id: recordId, digest, hash }))
    await this.#knex('audit_chain').insert(rows)
  }

  async timeToSign(everySeconds: number): Promise<Date | undefined> {
    const { rows } = await this.#knex.raw(
      `select clock_timestamp() as now where (select max(seq) from audit_chain)
        is distinct from (select max(seq) from audit_checkpoints)
      and not exists (select from audit_checkpoints where signed_at > clock_timestamp() - make_interval(secs => ?::float8))`,
      [everySeconds],
    )
    return rows[0] && new Date(rows[0].now)
  }

  async addCheckpoint({ seq, hash, signedAt, kid, signature }: Checkpoint): Promise<void> {
    await this.#knex('audit_checkpoints').insert({ seq, hash, signed_at: signedAt, kid, signature })
  }

  async lastCheckpoint(): Promise<Checkpoint | undefined> {
    const row = await this.#knex<CheckpointRow>('audit_checkpoints').orderBy('seq', 'desc').first()
    return row && checkpointOf(row)
  }

  async checkpointFrom(seq: number): Promise<Checkpoint | undefined> {
    const row = await this.#knex<CheckpointRow>('audit_checkpoints')
      .where('seq', '>=', seq)
      .orderBy('seq')
      .first()
    return row && checkpointOf(row)
  }

  async checkpoints(): Promise<Checkpoint[]> {
    const rows = await this.#knex<CheckpointRow>('audit_checkpoints').orderBy('seq')
    return rows.map(checkpointOf)
  }

  async page(afterSeq: number, limit: number): Promise<{ link: Link; record: MarkedRecord | undefined }[]> {
    const { rows } = await this.#knex.raw(
      `select c.seq, c.event_id, c.digest, c.hash, ${RECORD}
      from audit_chain c left join audit_events e on e.id = c.event_id where c.seq > ? order by c.seq limit ?`,
      [afterSeq, limit],
    )
    return (rows as (LinkRow & RecordRow)[]).map((row) => ({
      link: linkOf(row),
      record: row.id === null ? undefined : this.#recordOf(row),
    }))
  }

  /** The unique index refuses them, and whoever owns the table can drop it. */
  async copies(limit: number): Promise<string[]> {
    const { rows } = await this.#knex.raw<{ rows: { id: string }[] }>(
      `select max(id)::text as id from audit_events where stamp is not null
       group by stamp having count(*) > 1 order by max(id) limit ?`,
      [limit],
    )
    return rows.map(({ id }) => id)
  }

  async prunable(
    { names, listed }: EventNames,
    days: number,
    afterSeq: number,
    beforeSeq: number,
    limit: number,
  ): Promise<{ until: Date; rows: { link: Link; record: MarkedRecord }[] }> {
    const { rows: times } = await this.#knex.raw(
      `select (date_trunc('day', now() at time zone 'UTC') - make_interval(days => cast(? as int))) at time zone 'UTC' as until`,
      [days],
    )
    const until = new Date(times[0].until)
    const { rows } = await this.#knex.raw(
      `select c.seq, c.event_id, c.digest, c.hash, ${RECORD}
      from audit_events e join audit_chain c on c.event_id = e.id
      where e.created_at < ? and e.name ${listed ? '= any' : '<> all'} (cast(? as text[]))
        and c.seq > ? and c.seq < ? order by c.seq limit ?`,
      [until, [...names], afterSeq, beforeSeq, limit],
    )
    const found = rows as (LinkRow & RecordRow)[]
    return { until, rows: found.map((row) => ({ link: linkOf(row), record: this.#recordOf(row) })) }
  }

  async prune(
    recordIds: readonly string[],
    { kind, until, seqs, records, kid, signature }: Pruning,
  ): Promise<void> {
    await this.#knex('audit_prunings').insert({ class: kind, until, seqs, records, kid, signature })
    await this.#knex('audit_events')
      .whereIn('id', [...recordIds])
      .delete()
  }

  async prunings(skip: number): Promise<Pruning[]> {
    const rows = await this.#knex('audit_prunings').orderBy('id').offset(skip)
    return rows.map(({ class: kind, until, seqs, records, kid, signature }) => ({
      ...{ kind, seqs, records, kid, signature },
      until: new Date(until),
    }))
  }

  async dropKeys(olderThanDays: number): Promise<void> {
    await this.#knex.raw(
      'delete from audit_person_keys where created_at < now() - make_interval(days => cast(? as int))',
      [olderThanDays],
    )
  }

  #recordOf(row: RecordRow): MarkedRecord {
    const { id, at, stamp, mark } = row
    const content = JSON.stringify([id, at, mark, saying(row, stamp)])
    if (stamp === null && mark === null) return { id: String(id), content, mark: 'none' }
    const genuine = stamp !== null && mark !== null && isGenuine({ ...row, stamp, mark }, at, this.#atRest)
    return { id: String(id), content, mark: genuine ? 'good' : 'bad' }
  }
}

export class SqlAuditKeys implements AuditKeyRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async list(): Promise<{ kid: string; jwk: Record<string, unknown> }[]> {
    const rows = await this.#knex('audit_keys').orderBy(['created_at', 'kid']).select('kid', 'sealed')
    return rows.map(({ kid, sealed }) => ({
      kid,
      jwk: JSON.parse(this.#atRest.open(placeOf(AUDIT_KEY, kid), sealed)),
    }))
  }

  async add(kid: string, jwk: Record<string, unknown>): Promise<void> {
    const sealed = this.#atRest.seal(placeOf(AUDIT_KEY, kid), JSON.stringify(jwk))
    await this.#knex('audit_keys').insert({ kid, sealed })
  }
}

function linkOf({ seq, event_id, digest, hash }: LinkRow): Link {
  return { seq: Number(seq), recordId: String(event_id), digest, hash }
}

function checkpointOf({ seq, signed_at, ...same }: CheckpointRow): Checkpoint {
  return { ...same, seq: Number(seq), signedAt: new Date(signed_at) }
}
