import type { Knex } from 'knex'
import type { SettingRepository } from '../../../domain/ports.ts'
import { toJson } from '../rows.ts'

export class SqlSettings implements SettingRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async get(name: string): Promise<unknown> {
    const row = await this.#knex<{ name: string; value: unknown }>('settings').where({ name }).first('value')
    return row?.value
  }

  async put(name: string, value: unknown): Promise<void> {
    await this.#knex('settings')
      .insert({ name, value: toJson(value), updated_at: this.#knex.fn.now() })
      .onConflict('name')
      .merge()
  }

  async take(name: string, value: unknown): Promise<boolean> {
    const removed = await this.#knex('settings')
      .where({ name })
      .whereRaw('value = ?::jsonb', [toJson(value)])
      .delete()
    return removed === 1
  }
}
