/**
 * What must not come back with a backup. Of the database that is replaced it is known what was ended since: that stays
 * ended. Of one that is lost nothing is known, so whatever lets somebody in was not kept in the first place.
 */
import type { Knex } from 'knex'
import type { AuditEvent, AuditEventName } from '../../../domain/audit/events.ts'
import type { AtRest } from '../../at-rest.ts'
import { BackupError } from '../../backup/format.ts'
import { SqlAccess } from '../access.ts'
import { SqlAudit } from '../repositories/audit.ts'
import { SqlSigningKeys } from '../repositories/signing-keys.ts'
import { SQLSTATE, sqlState } from '../rows.ts'

/** What stayed ended, and what somebody has to mend. */
export interface Ended {
  /** people who have no password until they choose one by mail */
  passwords: number
  /** apps whose secret works no more, and which need another */
  secrets: string[]
  /** webhooks that are off until they have another secret */
  webhooks: string[]
  /** signing keys of the backup that were destroyed */
  keys: string[]
  /** whether the data key was changed since, so that a former one is in use again */
  dataKey: boolean
}

/** Members of a client's metadata by which it proves itself. */
const PROOFS = `array['token_endpoint_auth_method', 'jwks', 'jwks_uri', 'tls_client_auth_subject_dn',
  'tls_client_auth_san_dns', 'tls_client_auth_san_uri', 'tls_client_auth_san_ip', 'tls_client_auth_san_email']`
const PROOFS_OF = `(select coalesce(jsonb_object_agg(key, value), '{}') from jsonb_each(c.metadata) where key = any(${PROOFS}))`

/** Looked at before the tables are emptied, and gone with the transaction. */
const LOOK = [
  // Who was deleted and is there again was given back. An app that was made anew under its name has another secret.
  `create temporary table known_endings on commit drop as
    select case when name = 'client.deleted' and exists (select from clients c where c.id = e.id)
      then 'client.secret_replaced' else name end as name, id, max(at) as at from endings e
    where not (name = 'user.deleted' and exists (select from users u where u.id = e.id)) group by 1, 2
    union all select 'signing_key.retired', kid, since from signing_keys where state = 'retired'
      and not exists (select from endings e where e.name like 'signing_key.%' and e.id = kid)`,
  `create temporary table ended_users on commit drop as select id from users where status = 'disabled'`,
  `create temporary table ended_clients on commit drop as select id from clients where status = 'disabled'`,
  `create temporary table held_apis on commit drop as select id, status from resource_servers`,
  `create temporary table ended_webhooks on commit drop as select id, disabled_because from webhooks where not enabled`,
  `create temporary table ended_types on commit drop as
    select name from authorization_details_types where status = 'disabled'`,
  // Who was there and had a role no more, or no password, or is to be erased, or is not.
  `create temporary table present_users on commit drop as select id, email, email_key, email_verified from users`,
  `create temporary table held_access on commit drop as
    select id, coalesce(metadata -> 'api_permissions', '[]') as permissions, first_party, secret_digest,
      ${PROOFS_OF} as proofs from clients c`,
  `create temporary table begun_deletions on commit drop as
    select user_id, status_before, requested_at, erase_at from user_deletions`,
  `create temporary table held_permissions on commit drop as select name, permissions from roles`,
  `create temporary table held_roles on commit drop as select user_id, role from user_roles`,
  `create temporary table held_application_roles on commit drop as
    select user_id, client_id, name from user_application_roles`,
  `create temporary table newer_passwords on commit drop as select user_id, changed_at from passwords`,
  `create temporary table former_data_key on commit drop as select max(version) as version from data_keys`,
]

/** What the backup does not know of. By what it knows, not by its time: a change may be begun before and done after. */
const SINCE = `create temporary table ended_since on commit drop as
  select name, id, max(at) as at from known_endings k
  where not exists (select from endings e where e.name = k.name and e.id = k.id and e.at >= k.at) group by 1, 2`

/** Whoever has the mailbox of before could take the account over: its password is made anew by mail. */
const MOVED = `update users u set email = p.email, email_key = p.email_key, email_verified = p.email_verified
  from present_users p where u.id = p.id and u.email_key <> p.email_key
  and not exists (select from users o where o.email_key = p.email_key)`

const END = [
  `delete from users where id in (select id from ended_since where name = 'user.deleted')`,
  `delete from clients where id in (select id from ended_since where name = 'client.deleted')`,
  `delete from consents c using ended_since g where g.name = 'consent.withdrawn'
    and g.id = c.user_id || ' ' || c.client_id and c.updated_at <= g.at`,
  `delete from user_roles r where user_id in (select id from present_users)
    and not exists (select from held_roles h where h.user_id = r.user_id and h.role = r.role)`,
  `delete from user_application_roles r where user_id in (select id from present_users)
    and not exists (select from held_application_roles h
      where h.user_id = r.user_id and h.client_id = r.client_id and h.name = r.name)`,
  `update roles r set permissions = (select coalesce(jsonb_agg(p), '[]')
      from jsonb_array_elements(r.permissions) p where h.permissions @> p)
    from held_permissions h where r.name = h.name and not h.permissions @> r.permissions`,
  `update clients c set first_party = false from held_access h where c.id = h.id and c.first_party and not h.first_party`,
  `update clients c set metadata = case when h.permissions = '[]' then c.metadata - 'api_permissions' else
      jsonb_set(c.metadata, '{api_permissions}', (select coalesce(jsonb_agg(p), '[]')
        from jsonb_array_elements(c.metadata -> 'api_permissions') p where h.permissions @> p)) end
    from held_access h where c.id = h.id and not h.permissions @> (c.metadata -> 'api_permissions')`,
  // Public keys and names of certificates are no secrets: those that hold now are put in the place of those that did. One
  // that proves itself by a secret now and did not then gets none that works.
  `update clients c set metadata = (c.metadata - ${PROOFS}) || h.proofs,
      secret_digest = coalesce(c.secret_digest, regexp_replace(h.secret_digest, '[^:]*$', 'ended'))
    from held_access h where c.id = h.id and ${PROOFS_OF} <> h.proofs`,
  // One may have the address that another has left by now. Whose it is when two have changed theirs for each other's is not
  // guessed.
  MOVED,
  MOVED,
  `update users u set status = 'disabled' from present_users p
    where u.id = p.id and u.email_key <> p.email_key and u.status = 'active'`,
  `update users set status = 'disabled' where status = 'active' and id in (select id from ended_users)`,
  `update clients set status = 'disabled' where status = 'active' and id in (select id from ended_clients)`,
  `update resource_servers set status = 'disabled' where status = 'active'
    and id in (select id from held_apis where status = 'disabled')`,
  `delete from resource_servers where id in (select id from ended_since where name = 'resource_server.deleted')
    and id not in (select id from held_apis)`,
  `update authorization_details_types set status = 'disabled'
    where status = 'active' and name in (select name from ended_types)`,
  `delete from webhooks where id in (select id from ended_since where name = 'webhook.deleted')`,
  `update webhooks w set enabled = false, disabled_because = e.disabled_because
    from ended_webhooks e where w.id = e.id and w.enabled`,
  `insert into user_deletions (user_id, status_before, requested_at, erase_at)
    select user_id, status_before, requested_at, erase_at from begun_deletions b
    where exists (select from users u where u.id = b.user_id)
    on conflict (user_id) do update set status_before = excluded.status_before,
      requested_at = excluded.requested_at, erase_at = excluded.erase_at`,
]

// The one before may be why another was chosen: they choose anew, by mail. Until then they have none, which an earlier
// restore may have brought about.
const END_PASSWORDS = `delete from passwords p using present_users u where p.user_id = u.id
  and not exists (select from newer_passwords n where n.user_id = u.id and n.changed_at <= p.changed_at)`

/** No digest ends so: no secret fits it (and `SqlClientSecrets` lists none). */
const END_SECRETS = `update clients c set secret_digest = regexp_replace(secret_digest, '[^:]*$', 'ended')
  where secret_digest is not null and id in (select id from ended_since where name = 'client.secret_replaced')
  returning id`

const END_WEBHOOK_SECRETS = `update webhooks set enabled = false,
    disabled_because = 'a backup brought its former secret back: make another, then enable it'
  where id in (select id from ended_since where name = 'webhook.secret_rotated') returning id`

const FORMER_DATA_KEY = `select version from former_data_key where version > (select max(version) from data_keys)`

/** A backup that was made after an ending and before this restore knows of it. */
const AS_THEY_ENDED = `update endings e set at = s.at from ended_since s where e.name = s.name and e.id = s.id`

/** Who was given back since the backup is not erased because the backup has them deleted. */
const GIVEN_BACK = `with given_back as (
    delete from user_deletions d using present_users p
    where d.user_id = p.id and not exists (select from begun_deletions b where b.user_id = d.user_id)
    returning d.user_id, d.status_before)
  update users set status = g.status_before from given_back g where users.id = g.user_id`

export async function lookWhatEnded(trx: Knex.Transaction): Promise<void> {
  for (const statement of LOOK) await trx.raw(statement)
}

/**
 * After the rows are in. Each ending is recorded once more, as its record went with the database: the next restore knows
 * of it by that. Keys that were revoked stay so in any case.
 * @param revive what else was ended comes back, because it was ended by mistake
 * @param revoked signing keys that must not come back, whatever is known
 */
export async function keepEnded(
  trx: Knex.Transaction,
  atRest: AtRest,
  { revive, revoked }: { revive: boolean; revoked: readonly string[] },
): Promise<Ended> {
  await endAccess(trx)
  await trx.raw(SINCE)
  await trx.raw(GIVEN_BACK)
  if (revive) await trx.raw(`delete from ended_since where name not like 'signing_key.%'`)
  const ended = revive ? { passwords: 0, secrets: [], webhooks: [] } : await endAgain(trx)
  const since = await trx<{ name: AuditEventName; id: string }>('ended_since').orderBy(['name', 'id'])
  const kids = since.filter(({ name }) => name.startsWith('signing_key.')).map(({ id }) => id)
  const keys = await retireKeys(trx, atRest, [...kids, ...revoked])
  const named = keys.filter((kid) => !kids.includes(kid))
  const records = [
    ...since.map(({ name, id }) => recordOf(name, id)),
    ...named.map((kid) => recordOf('signing_key.revoked', kid)),
  ]
  const audit = new SqlAudit(trx, atRest)
  while (records.length > 0) await audit.appendAll(records.splice(0, RECORDS_AT_ONCE))
  await trx.raw(AS_THEY_ENDED)
  return { ...ended, keys, dataKey: (await trx.raw(FORMER_DATA_KEY)).rows.length === 1 }
}

async function endAgain(trx: Knex.Transaction): Promise<Pick<Ended, 'passwords' | 'secrets' | 'webhooks'>> {
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
  // What was allowed to an API that is gone is not allowed to the next one of its name.
  const apis: string[] = await trx('ended_since').where({ name: 'resource_server.deleted' }).pluck('id')
  for (const audience of apis) await new SqlAccess(trx).forgetResource(audience)
  const { rowCount: passwords } = await trx.raw<{ rowCount: number }>(END_PASSWORDS)
  return {
    passwords,
    secrets: await idsOf(trx, END_SECRETS),
    webhooks: await idsOf(trx, END_WEBHOOK_SECRETS),
  }
}

async function idsOf(trx: Knex.Transaction, statement: string): Promise<string[]> {
  const { rows } = await trx.raw<{ rows: { id: string }[] }>(statement)
  return rows.map(({ id }) => id).sort()
}

const RECORDS_AT_ONCE = 1000
/** As the one who made the first record called what it is about. */
const DETAIL: Partial<Record<AuditEventName, string>> = {
  'webhook.deleted': 'webhook',
  'webhook.secret_rotated': 'webhook',
  'resource_server.deleted': 'audience',
  'signing_key.retired': 'kid',
  'signing_key.revoked': 'kid',
}

function recordOf(name: AuditEventName, id: string): AuditEvent {
  const event = { name, outcome: 'success', request: undefined, detail: { by: 'restore' } } as const
  const member = DETAIL[name]
  if (member !== undefined) return { ...event, detail: { ...event.detail, [member]: id } }
  if (name === 'consent.withdrawn') {
    const [userId, clientId] = id.split(' ')
    return { ...event, userId, clientId }
  }
  return name === 'user.deleted' ? { ...event, userId: id } : { ...event, clientId: id }
}

/** Also where nothing is known: what was proven or handed out before counts for nothing. */
async function endAccess(trx: Knex.Transaction): Promise<void> {
  await trx.raw(
    `update users set access_from = greatest(access_from, date_trunc('second', clock_timestamp()))`,
  )
  await trx.raw('update initial_access_tokens set revoked_at = now() where revoked_at is null')
}

/** Destroys those of these keys that the backup brought back. Returns which. */
async function retireKeys(trx: Knex.Transaction, atRest: AtRest, kids: readonly string[]): Promise<string[]> {
  const found: string[] = await trx('signing_keys')
    .whereIn('kid', [...kids])
    .whereNot({ state: 'retired' })
    .pluck('kid')
  const keys = new SqlSigningKeys(trx, atRest)
  for (const kid of found) await keys.move(kid, 'retired')
  return found
}
