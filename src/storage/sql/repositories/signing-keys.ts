import type { Knex } from 'knex'
import type {
  KeyLine,
  KeyState,
  NewSigningKey,
  SigningAlgorithm,
  SigningKey,
} from '../../../domain/keys/key.ts'
import type { SigningKeyRepository } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { placeOf, SIGNING_KEY } from '../sealed-columns.ts'

interface Row {
  kid: string
  use: 'token' | 'cookie'
  alg: SigningAlgorithm | null
  state: KeyState
  since: Date
  sealed: Buffer
}

const COLUMNS = ['kid', 'use', 'alg', 'state', 'since', 'sealed'] as const

/** "keys" as a number: the advisory lock keys are changed under. */
const LOCK = 0x6b657973

/** Private keys leave this file only opened, and reach the table only sealed to their own row. */
export class SqlSigningKeys implements SigningKeyRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async list(): Promise<SigningKey[]> {
    const rows = await this.#knex<Row>('signing_keys')
      .orderBy(['use', 'alg', { column: 'since', order: 'desc' }, 'kid'])
      .select(...COLUMNS)
    return rows.map(({ kid, alg, state, since, sealed }) => ({
      kid,
      line: alg ?? 'cookie',
      state,
      since: new Date(since),
      jwk: JSON.parse(this.#atRest.open(placeOf(SIGNING_KEY, kid), sealed)),
    }))
  }

  async lock(): Promise<Date> {
    await this.#knex.raw('select pg_advisory_xact_lock(?)', [LOCK])
    // Not now(): a transaction that waited for the lock began before the changes it finds.
    const { rows } = await this.#knex.raw('select clock_timestamp() as now')
    return new Date((rows as { now: Date }[])[0]?.now ?? Number.NaN)
  }

  async add({ kid, line, state, jwk }: NewSigningKey): Promise<void> {
    await this.#knex('signing_keys').insert({
      kid,
      ...partsOf(line),
      state,
      sealed: this.#sealed(kid, jwk),
    })
  }

  async move(kid: string, to: KeyState): Promise<void> {
    const retired = to === 'retired'
    await this.#knex('signing_keys')
      .where({ kid })
      .update({
        state: to,
        since: this.#knex.raw('clock_timestamp()'),
        ...(retired ? { sealed: this.#sealed(kid, {}) } : {}),
      })
    if (retired)
      await this.#knex('signing_keys')
        .where({ state: 'retired' })
        .whereRaw(`since < now() - interval '1 year'`)
        .delete()
  }

  #sealed(kid: string, jwk: object): Buffer {
    return this.#atRest.seal(placeOf(SIGNING_KEY, kid), JSON.stringify(jwk))
  }
}

function partsOf(line: KeyLine): Pick<Row, 'use' | 'alg'> {
  return line === 'cookie' ? { use: 'cookie', alg: null } : { use: 'token', alg: line }
}
