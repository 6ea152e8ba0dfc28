import type { Knex } from 'knex'
import type { Claim, IdempotencyStore } from '../../../domain/idempotency.ts'
import type { AtRest } from '../../at-rest.ts'
import { orNull } from '../rows.ts'

const KIND = 'IdempotencyKey'
const LIFETIME = "interval '24 hours'"
/** Longer than any request lives; then whoever held the key is gone and the work may be tried again. */
const LEASE = "interval '60 seconds'"

const CLAIM = `
  insert into idempotency_keys as k (id, fingerprint, leased_until, expires_at)
  values (:id, :fingerprint, now() + ${LEASE}, now() + ${LIFETIME})
  on conflict (id) do update set fingerprint = excluded.fingerprint, answer = null, person = null,
    leased_until = excluded.leased_until, expires_at = excluded.expires_at
  where k.expires_at <= now()
    or (k.answer is null and k.leased_until <= now() and k.fingerprint = excluded.fingerprint)
  returning id`

/**
 * The key as a hash, the answer sealed: it may hold a client's secret, and a stolen database must not. An answer that names a
 * person goes with them (migration `answers_about_people`).
 */
export class SqlIdempotency implements IdempotencyStore {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async claim(key: string, content: string): Promise<Claim> {
    const fingerprint = this.#atRest.hashId('IdempotentContent', content)
    // Under a key that was changed meanwhile the claim of an hour ago is still the claim.
    const ids = this.#atRest.idHashes(KIND, key)
    const [id, ...former] = ids
    const known = former.length > 0 ? await this.#find(former) : undefined
    if (known) return this.#standing(known, content)
    const { rows } = await this.#knex.raw<{ rows: object[] }>(CLAIM, { id, fingerprint })
    if (rows.length === 1) return { state: 'won' }
    const row = await this.#find([id])
    return row ? this.#standing(row, content) : { state: 'in flight' }
  }

  async keep(key: string, answer: string, person?: string): Promise<void> {
    const id = this.#atRest.hashId(KIND, key)
    const sealed = this.#atRest.seal(placeOf(id), answer)
    await this.#knex('idempotency_keys')
      .where({ id })
      .whereNull('answer')
      .update({ answer: sealed, person: orNull(person) })
  }

  async release(key: string): Promise<void> {
    const ids = [...this.#atRest.idHashes(KIND, key)]
    await this.#knex('idempotency_keys').whereIn('id', ids).whereNull('answer').delete()
  }

  async #find(ids: readonly Buffer[]): Promise<Row | undefined> {
    return this.#knex('idempotency_keys')
      .whereIn('id', [...ids])
      .whereRaw('expires_at > now()')
      .first<Row>('id', 'fingerprint', 'answer')
  }

  #standing({ id, fingerprint, answer }: Row, content: string): Claim {
    const prints = this.#atRest.idHashes('IdempotentContent', content)
    if (!prints.some((print) => print.equals(Buffer.from(fingerprint)))) return { state: 'other content' }
    if (answer === null) return { state: 'in flight' }
    return { state: 'done', answer: this.#atRest.open(placeOf(Buffer.from(id)), Buffer.from(answer)) }
  }
}

interface Row {
  id: Buffer
  fingerprint: Buffer
  answer: Buffer | null
}

function placeOf(id: Buffer): string {
  return `idempotency_keys.answer:${id.toString('hex')}`
}
