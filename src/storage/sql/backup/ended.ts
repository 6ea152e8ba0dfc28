/**
 * What must not come back with a backup. Of the database that is replaced it is known what was ended since: that stays
 * ended. Of one that is lost nothing is known, so whatever lets somebody in was not kept in the first place.
 */
import type { Knex } from 'knex'
import type { AtRest } from '../../at-rest.ts'
import { BackupError } from '../../backup/format.ts'
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
  // Who was there and had a role no more.
  `create temporary table present_users on commit drop as select id from users`,
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
  // The one before may be why another was chosen: they choose anew, by mail.
  `delete from passwords p using newer_passwords n where p.user_id = n.user_id and p.changed_at < n.changed_at`,
  `update users set status = 'disabled' where status = 'active' and id in (select id from ended_users)`,
  `update clients set status = 'disabled' where status = 'active' and id in (select id from ended_clients)`,
  `update resource_servers set status = 'disabled' where status = 'active' and id in (select id from ended_apis)`,
]

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
  if (!revive) await endAgain(trx)
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
