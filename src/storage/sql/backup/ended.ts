/**
 * What must not come back with a backup. Of the database that is replaced it is known what was ended since: that stays
 * ended. Of one that is lost nothing is known, so whatever lets somebody in was not kept in the first place.
 */
import type { Knex } from 'knex'
import type { AtRest } from '../../at-rest.ts'
import { BackupError } from '../../backup/format.ts'
import { SqlAudit } from '../repositories/audit.ts'
import { SqlSigningKeys } from '../repositories/signing-keys.ts'
import { SQLSTATE, sqlState } from '../rows.ts'

/** Looked at before the tables are emptied, and gone with the transaction. */
const LOOK = [
  `create temporary table ended_keys on commit drop as select kid from signing_keys where state = 'retired'`,
  `create temporary table ended_users on commit drop as select id from users where status = 'disabled'`,
  `create temporary table ended_clients on commit drop as select id from clients where status = 'disabled'`,
  `create temporary table ended_apis on commit drop as select id from resource_servers where status = 'disabled'`,
  `create temporary table gone_users on commit drop as select distinct user_id as id from audit_events
    where name = 'user.deleted' and not exists (select from users u where u.id = user_id)`,
  `create temporary table gone_clients on commit drop as select distinct client_id as id from audit_events
    where name = 'client.deleted' and not exists (select from clients c where c.id = client_id)`,
  `create temporary table gone_consents on commit drop as select user_id, client_id, max(created_at) as at
    from audit_events where name = 'consent.withdrawn' group by user_id, client_id`,
  `create temporary table gone_webhooks on commit drop as select distinct detail ->> 'webhook' as id from audit_events
    where name = 'webhook.deleted' and not exists (select from webhooks w where w.id = detail ->> 'webhook')`,
  `create temporary table ended_webhooks on commit drop as select id, disabled_because from webhooks where not enabled`,
  `create temporary table gone_apis on commit drop as select distinct detail ->> 'audience' as id from audit_events
    where name = 'resource_server.deleted'
    and not exists (select from resource_servers r where r.id = detail ->> 'audience')`,
  `create temporary table ended_types on commit drop as
    select name from authorization_details_types where status = 'disabled'`,
  // Who was there and had a role no more, or no password, or is to be erased, or is not.
  `create temporary table present_users on commit drop as select id from users`,
  `create temporary table held_access on commit drop as
    select id, coalesce(metadata -> 'api_permissions', '[]') as permissions, first_party from clients`,
  `create temporary table begun_deletions on commit drop as
    select user_id, status_before, requested_at, erase_at from user_deletions`,
  `create temporary table held_roles on commit drop as select user_id, role from user_roles`,
  `create temporary table held_application_roles on commit drop as
    select user_id, client_id, name from user_application_roles`,
  `create temporary table newer_passwords on commit drop as select user_id, changed_at from passwords`,
]

const END = [
  `delete from users where id in (select id from gone_users)`,
  `delete from clients where id in (select id from gone_clients)`,
  `delete from consents c using gone_consents g
    where c.user_id = g.user_id and c.client_id = g.client_id and c.updated_at <= g.at`,
  `delete from user_roles r where user_id in (select id from present_users)
    and not exists (select from held_roles h where h.user_id = r.user_id and h.role = r.role)`,
  `delete from user_application_roles r where user_id in (select id from present_users)
    and not exists (select from held_application_roles h
      where h.user_id = r.user_id and h.client_id = r.client_id and h.name = r.name)`,
  `update clients c set first_party = false from held_access h where c.id = h.id and c.first_party and not h.first_party`,
  `update clients c set metadata = case when h.permissions = '[]' then c.metadata - 'api_permissions' else
      jsonb_set(c.metadata, '{api_permissions}', (select coalesce(jsonb_agg(p), '[]')
        from jsonb_array_elements(c.metadata -> 'api_permissions') p where h.permissions @> p)) end
    from held_access h where c.id = h.id and not h.permissions @> (c.metadata -> 'api_permissions')`,
  // The one before may be why another was chosen: they choose anew, by mail. Until then they have none, which an earlier
  // restore may have brought about.
  `delete from passwords p using present_users u where p.user_id = u.id
    and not exists (select from newer_passwords n where n.user_id = u.id and n.changed_at <= p.changed_at)`,
  `update users set status = 'disabled' where status = 'active' and id in (select id from ended_users)`,
  `update clients set status = 'disabled' where status = 'active' and id in (select id from ended_clients)`,
  `update resource_servers set status = 'disabled' where status = 'active' and id in (select id from ended_apis)`,
  `delete from resource_servers where id in (select id from gone_apis)`,
  `update authorization_details_types set status = 'disabled'
    where status = 'active' and name in (select name from ended_types)`,
  `delete from webhooks where id in (select id from gone_webhooks)`,
  `update webhooks w set enabled = false, disabled_because = e.disabled_because
    from ended_webhooks e where w.id = e.id and w.enabled`,
  `insert into user_deletions (user_id, status_before, requested_at, erase_at)
    select user_id, status_before, requested_at, erase_at from begun_deletions b
    where exists (select from users u where u.id = b.user_id)
    on conflict (user_id) do update set status_before = excluded.status_before,
      requested_at = excluded.requested_at, erase_at = excluded.erase_at`,
]

/** Who was given back since the backup is not erased because the backup has them deleted. */
const GIVEN_BACK = `with given_back as (
    delete from user_deletions d using present_users p
    where d.user_id = p.id and not exists (select from begun_deletions b where b.user_id = d.user_id)
    returning d.user_id, d.status_before)
  update users set status = g.status_before from given_back g where users.id = g.user_id`

/** What the record that was restored does not know of, and the next restore must. */
const UNRECORDED = `
  select 'user.deleted' as name, id as "userId", null as "clientId", null as webhook, null as audience
    from gone_users g where not exists (select from audit_events where name = 'user.deleted' and user_id = g.id)
  union all select 'client.deleted', null, id, null, null
    from gone_clients g where not exists (select from audit_events where name = 'client.deleted' and client_id = g.id)
  union all select 'consent.withdrawn', user_id, client_id, null, null from gone_consents g
    where exists (select from users u where u.id = g.user_id) and not exists (select from audit_events e
      where e.name = 'consent.withdrawn' and e.user_id = g.user_id and e.client_id = g.client_id and e.created_at >= g.at)
  union all select 'webhook.deleted', null, null, id, null from gone_webhooks g
    where not exists (select from audit_events where name = 'webhook.deleted' and detail ->> 'webhook' = g.id)
  union all select 'resource_server.deleted', null, null, null, id from gone_apis g
    where not exists (select from audit_events where name = 'resource_server.deleted' and detail ->> 'audience' = g.id)`

export async function lookWhatEnded(trx: Knex.Transaction): Promise<void> {
  for (const statement of LOOK) await trx.raw(statement)
}

/**
 * After the rows are in. Keys that were revoked stay so in any case.
 * @param revive what else was ended comes back, because it was ended by mistake
 */
export async function keepEnded(
  trx: Knex.Transaction,
  atRest: AtRest,
  { revive }: { revive: boolean },
): Promise<void> {
  await trx.raw(GIVEN_BACK)
  if (!revive) {
    await endAgain(trx)
    await recordAgain(trx, atRest)
  }
  const { rows } = await trx.raw<{ rows: { kid: string }[] }>('select kid from ended_keys')
  await retireKeys(
    trx,
    atRest,
    rows.map(({ kid }) => kid),
  )
}

async function endAgain(trx: Knex.Transaction): Promise<void> {
  try {
    for (const statement of END) await trx.raw(statement)
  } catch (error) {
    if (sqlState(error) !== SQLSTATE.lastOwner) throw error
    throw new BackupError(
      'Everybody who is an owner in the backup was disabled or lost the role since: nobody could administer. ' +
        'Nothing was done. With --revive what was ended since comes back.',
      { cause: error },
    )
  }
}

interface Unrecorded {
  name:
    | 'user.deleted'
    | 'client.deleted'
    | 'consent.withdrawn'
    | 'webhook.deleted'
    | 'resource_server.deleted'
  userId: string | null
  clientId: string | null
  webhook: string | null
  audience: string | null
}

async function recordAgain(trx: Knex.Transaction, atRest: AtRest): Promise<void> {
  const { rows } = await trx.raw<{ rows: Unrecorded[] }>(UNRECORDED)
  const audit = new SqlAudit(trx, atRest)
  for (const { name, userId, clientId, webhook, audience } of rows)
    await audit.append({
      ...{ name, outcome: 'success', request: undefined },
      ...(userId === null ? {} : { userId }),
      ...(clientId === null ? {} : { clientId }),
      detail: {
        by: 'restore',
        ...(webhook === null ? {} : { webhook }),
        ...(audience === null ? {} : { audience }),
      },
    })
}

/** Also where nothing is known: what was proven or handed out before counts for nothing. */
export async function endAccess(trx: Knex.Transaction): Promise<void> {
  await trx.raw(
    `update users set access_from = greatest(access_from, date_trunc('second', clock_timestamp()))`,
  )
  await trx.raw('update initial_access_tokens set revoked_at = now() where revoked_at is null')
}

/** Destroys those of these keys that the backup brought back. Returns which. */
export async function retireKeys(
  trx: Knex.Transaction,
  atRest: AtRest,
  kids: readonly string[],
): Promise<string[]> {
  const found: string[] = await trx('signing_keys')
    .whereIn('kid', [...kids])
    .whereNot({ state: 'retired' })
    .pluck('kid')
  const keys = new SqlSigningKeys(trx, atRest)
  for (const kid of found) await keys.move(kid, 'retired')
  return found
}
