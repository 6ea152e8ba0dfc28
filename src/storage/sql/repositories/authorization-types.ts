import type { Knex } from 'knex'
import type { AuthorizationType } from '../../../domain/authorization/type.ts'
import type { AuthorizationTypeRepository } from '../../../domain/ports.ts'
import { toJson } from '../rows.ts'

interface Row extends Omit<AuthorizationType, 'selfRegistered'> {
  self_registered: boolean
}

const COLUMNS = [
  'title',
  'template',
  'schema',
  'actions',
  'locations',
  'ask',
  'self_registered',
  'status',
] as const

export class SqlAuthorizationTypes implements AuthorizationTypeRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async list(): Promise<AuthorizationType[]> {
    const rows = await this.#knex<Row>('authorization_details_types')
      .orderBy('name')
      .select('name', ...COLUMNS)
    return rows.map(({ self_registered: selfRegistered, ...row }) => ({ ...row, selfRegistered }))
  }

  async save(type: AuthorizationType): Promise<void> {
    const { selfRegistered, schema, ...rest } = type
    await this.#knex('authorization_details_types')
      .insert({
        ...rest,
        schema: toJson(schema),
        self_registered: selfRegistered,
        updated_at: this.#knex.fn.now(),
      })
      .onConflict('name')
      .merge([...COLUMNS, 'updated_at'])
  }
}
