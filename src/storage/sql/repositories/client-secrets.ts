/** Secrets of clients beside the digest that stands in `clients`; see the migration. */
import type { Knex } from 'knex'
import type { ClientSecret, SecretSlot } from '../../../domain/clients/secrets.ts'
import { isStorable, orUndefined } from '../rows.ts'

export class SqlClientSecrets {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  /** Current first. Of a client whose secret was never replaced it is not known when it was made: with the client. */
  async list(clientId: string): Promise<ClientSecret[]> {
    if (!isStorable(clientId)) return []
    const { rows } = await this.#knex.raw(
      `select 'current' as slot, coalesce(s.made_at, c.created_at) as made_at, null as expires_at,
         s.last_used_on::text as last_used_on
       from clients c left join client_secrets s on s.client_id = c.id and s.slot = 'current'
       where c.id = :id and right(c.secret_digest, 6) <> ':ended' -- by a restore
       union all
       select slot, made_at, expires_at, last_used_on::text from client_secrets
       where client_id = :id and slot = 'former' and expires_at > now() order by slot`,
      { id: clientId },
    )
    return rows.map((row: Record<string, never>) => ({
      id: row.slot,
      madeAt: row.made_at,
      expiresAt: orUndefined(row.expires_at),
      lastUsedOn: orUndefined(row.last_used_on),
    }))
  }

  async formerDigest(clientId: string): Promise<string | undefined> {
    if (!isStorable(clientId)) return undefined
    const row = await this.#knex('client_secrets')
      .where({ client_id: clientId, slot: 'former' })
      .andWhere('expires_at', '>', this.#knex.fn.now())
      .first('digest')
    return row?.digest
  }

  /** Notes that it was used today. */
  async used(clientId: string, slot: SecretSlot): Promise<void> {
    await this.#knex.raw(
      slot === 'current'
        ? `insert into client_secrets (client_id, slot, made_at, last_used_on)
           select id, 'current', created_at, current_date from clients where id = :clientId
           on conflict (client_id, slot) do update set last_used_on = excluded.last_used_on`
        : `update client_secrets set last_used_on = current_date where client_id = :clientId and slot = 'former'`,
      { clientId },
    )
  }

  /**
   * In the transaction that writes the new digest, before it: the one there is now becomes the former one.
   * @param keepSeconds 0: it ends at once
   */
  async retire(clientId: string, keepSeconds: number): Promise<void> {
    const client = await this.#knex('clients').where({ id: clientId }).forUpdate().first('secret_digest')
    await this.#knex('client_secrets').where({ client_id: clientId, slot: 'former' }).delete()
    if (keepSeconds > 0 && client?.secret_digest)
      await this.#knex.raw(
        `insert into client_secrets (client_id, slot, digest, made_at, expires_at)
         select c.id, 'former', c.secret_digest, coalesce(s.made_at, c.created_at),
           now() + make_interval(secs => cast(:keepSeconds as float8))
         from clients c left join client_secrets s on s.client_id = c.id and s.slot = 'current'
         where c.id = :clientId`,
        { clientId, keepSeconds },
      )
    await this.#knex('client_secrets')
      .insert({ client_id: clientId, slot: 'current', made_at: this.#knex.fn.now(), last_used_on: null })
      .onConflict(['client_id', 'slot'])
      .merge(['made_at', 'last_used_on'])
  }

  /** False: there was none that still worked. */
  async revokeFormer(clientId: string): Promise<boolean> {
    if (!isStorable(clientId)) return false
    const revoked = await this.#knex('client_secrets')
      .where({ client_id: clientId, slot: 'former' })
      .andWhere('expires_at', '>', this.#knex.fn.now())
      .delete()
    return revoked === 1
  }
}
