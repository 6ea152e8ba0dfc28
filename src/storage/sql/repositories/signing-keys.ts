import type { Knex } from 'knex'
import type { SigningKey } from '../../../domain/keys/key.ts'
import type { SigningKeyRepository } from '../../../domain/ports.ts'
import type { AtRest } from '../../at-rest.ts'
import { orNull, orUndefined } from '../rows.ts'
import { placeOf, SIGNING_KEY } from '../sealed-columns.ts'

interface Row {
  kid: string
  use: SigningKey['use']
  alg: string | null
  state: SigningKey['state']
  position: number
  sealed: Buffer
}

const COLUMNS = ['kid', 'use', 'alg', 'state', 'position', 'sealed'] as const

/** "keys" as a number: the advisory lock the first keys are made under. */
const CREATION_LOCK = 0x6b657973

/** Private keys leave this file only opened, and reach the table only sealed to their own row. */
export class SqlSigningKeys implements SigningKeyRepository {
  readonly #knex: Knex
  readonly #atRest: AtRest

  constructor(knex: Knex, atRest: AtRest) {
    this.#knex = knex
    this.#atRest = atRest
  }

  async list(): Promise<SigningKey[]> {
    return this.#list(this.#knex)
  }

  async createOnce(keys: () => Promise<SigningKey[]>): Promise<SigningKey[]> {
    const existing = await this.list()
    if (existing.length > 0) return existing
    return this.#knex.transaction(async (trx) => {
      await trx.raw('select pg_advisory_xact_lock(?)', [CREATION_LOCK])
      const stored = await this.#list(trx)
      if (stored.length > 0) return stored
      const created = await keys()
      if (created.length > 0) await trx('signing_keys').insert(created.map((key) => this.#rowOf(key)))
      return this.#list(trx)
    })
  }

  async #list(knex: Knex): Promise<SigningKey[]> {
    const rows = await knex<Row>('signing_keys')
      .orderBy(['use', 'position', 'kid'])
      .select(...COLUMNS)
    return rows.map((row) => this.#keyOf(row))
  }

  #rowOf(key: SigningKey) {
    const { kid, use, alg, state, position, jwk } = key
    return {
      kid,
      use,
      alg: orNull(alg),
      state,
      position,
      sealed: this.#atRest.seal(placeOf(SIGNING_KEY, kid), JSON.stringify(jwk)),
    }
  }

  #keyOf({ kid, use, alg, state, position, sealed }: Row): SigningKey {
    return {
      kid,
      use,
      alg: orUndefined(alg),
      state,
      position,
      jwk: JSON.parse(this.#atRest.open(placeOf(SIGNING_KEY, kid), sealed)),
    }
  }
}
