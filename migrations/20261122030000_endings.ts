import type { Knex } from 'knex'

const NAMES = `'user.deleted', 'client.deleted', 'client.secret_replaced', 'consent.withdrawn', 'webhook.deleted',
  'webhook.secret_rotated', 'resource_server.deleted', 'signing_key.retired', 'signing_key.revoked'`

/** What a record is about: ids, which say nothing of anybody who is gone. */
const SUBJECT = `case when name = 'consent.withdrawn' then user_id || ' ' || client_id when name like 'user.%' then user_id
  when name like 'client.%' then client_id else coalesce(detail ->> 'webhook', detail ->> 'audience', detail ->> 'kid') end`

/**
 * What has ended and must not come back with a backup, however old: kept when audit retention takes the record of it. The
 * database writes it down with the record, so that no way of ending something forgets it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table endings (
      name text not null,
      id text not null,
      at timestamptz not null,
      primary key (name, id)
    )`)
  await knex.raw(`
    insert into endings (name, id, at) select name, ${SUBJECT}, max(created_at) from audit_events
    where name in (${NAMES}) and outcome = 'success' and ${SUBJECT} is not null group by 1, 2`)
  // Not now(): of two changes that waited for each other, the second may have begun first.
  await knex.raw(`
    create function audit_events_end() returns trigger language plpgsql as
    $$ begin
      insert into endings (name, id, at)
      select name, ${SUBJECT}, clock_timestamp() from (select (new).*) as told where ${SUBJECT} is not null
      on conflict on constraint endings_pkey do update set at = greatest(endings.at, excluded.at);
      return null;
    end $$`)
  await knex.raw(`
    create trigger audit_events_ended after insert on audit_events
    for each row when (new.outcome = 'success' and new.name in (${NAMES})) execute function audit_events_end()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger audit_events_ended on audit_events')
  await knex.raw('drop function audit_events_end()')
  await knex.raw('drop table endings')
}
