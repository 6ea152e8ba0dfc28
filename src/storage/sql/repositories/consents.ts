import type { Knex } from 'knex'
import type { Consent } from '../../../domain/consents/consent.ts'
import { DomainError } from '../../../domain/errors.ts'
import type { ConsentRepository } from '../../../domain/ports.ts'
import { SQLSTATE, sqlState, toJson } from '../rows.ts'

interface Row {
  user_id: string
  client_id: string
  scopes: string[]
  claims: string[]
  resources: Record<string, string[]>
}

/** Two consents at once (two tabs) must both count, so the union is made in the statement and not in memory. */
export const MERGED = `on conflict (user_id, client_id) do update set
    scopes = array(select distinct unnest(consents.scopes || excluded.scopes) order by 1),
    claims = array(select distinct unnest(consents.claims || excluded.claims) order by 1),
    resources = (
      select coalesce(jsonb_object_agg(resource, scopes), '{}')
      from (
        select entry.key as resource,
          coalesce(jsonb_agg(distinct scope.value) filter (where scope.value is not null), '[]') as scopes
        from (select * from jsonb_each(consents.resources) union all select * from jsonb_each(excluded.resources)) entry
        left join lateral jsonb_array_elements(entry.value) scope on true
        group by entry.key) merged),
    updated_at = now()`

const REMEMBER = `
  insert into consents (user_id, client_id, scopes, claims, resources)
  values (:userId, :clientId,
    array(select jsonb_array_elements_text(cast(:scopes as jsonb))),
    array(select jsonb_array_elements_text(cast(:claims as jsonb))),
    cast(:resources as jsonb))
  ${MERGED}`

export class SqlConsents implements ConsentRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async find(userId: string, clientId: string): Promise<Consent | undefined> {
    const row = await this.#knex<Row>('consents').where({ user_id: userId, client_id: clientId }).first()
    if (!row) return undefined
    const { scopes, claims, resources } = row
    return { userId, clientId, scopes, claims, resources }
  }

  async remember(consent: Consent): Promise<void> {
    try {
      await this.#knex.raw(REMEMBER, {
        userId: consent.userId,
        clientId: consent.clientId,
        scopes: toJson(consent.scopes),
        claims: toJson(consent.claims),
        resources: toJson(consent.resources),
      })
    } catch (cause) {
      // the person or the application was deleted while the page was open
      if (sqlState(cause) === SQLSTATE.foreignKey) throw new DomainError('not_found', { cause })
      throw cause
    }
  }

  async withdraw(userId: string, clientId: string, scopes: readonly string[]): Promise<void> {
    await this.#knex.raw(
      `update consents set updated_at = now(), scopes = array(
         select unnest(scopes) except select jsonb_array_elements_text(cast(:refused as jsonb)))
       where user_id = :userId and client_id = :clientId`,
      { userId, clientId, refused: toJson([...scopes]) },
    )
  }
}
