import type { Knex } from 'knex'
import type { ClientDocument, ClientDocumentRepository } from '../../../domain/ports.ts'
import { isStorable, toJson } from '../rows.ts'
import { type ClientRow, clientOf } from './clients.ts'

interface Row extends ClientRow {
  fresh: boolean | null
  age: number | null
}

/** By the database's clock: what one node has read is as fresh for the others. */
export class SqlClientDocuments implements ClientDocumentRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(id: string): Promise<ClientDocument | undefined> {
    if (!isStorable(id)) return undefined
    const { rows } = await this.#knex.raw<{ rows: Row[] }>(
      `select c.*, d.fresh_until > now() as fresh,
        extract(epoch from now() - d.read_at)::float8 as age
      from clients c left join client_documents d on d.client_id = c.id where c.id = ?`,
      [id],
    )
    const [row] = rows
    return (
      row && { client: clientOf(row), fresh: row.fresh === true, age: row.age ?? Number.POSITIVE_INFINITY }
    )
  }

  async save(id: string, metadata: Record<string, unknown>, freshSeconds: number): Promise<boolean> {
    const json = toJson(metadata)
    return this.#knex.transaction(async (trx) => {
      const { rowCount } = await trx.raw<{ rowCount: number | null }>(
        `insert into clients as c (id, metadata, source) values (?, ?::jsonb, 'document')
        on conflict (id) do update set metadata = excluded.metadata, updated_at = now()
        where c.source = 'document' and c.metadata is distinct from excluded.metadata`,
        [id, json],
      )
      await trx.raw(
        `insert into client_documents (client_id, read_at, fresh_until)
        values (?, now(), now() + make_interval(secs => ?::float8))
        on conflict (client_id) do update set read_at = excluded.read_at, fresh_until = excluded.fresh_until`,
        [id, freshSeconds],
      )
      return rowCount === 1
    })
  }

  async withdraw(id: string): Promise<void> {
    await this.#knex('client_documents')
      .where({ client_id: id })
      .update({ read_at: 'epoch', fresh_until: 'epoch' })
  }
}
