import type { Knex } from 'knex'

/**
 * Whatever ends a session, in whichever statement: the notices to its applications are written with it, or neither is.
 * An application that is taken off a session (it signed out alone, consent was withdrawn) is told likewise, and so is
 * one whose session was never ended and is removed because it expired.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function oidc_session_families_tell() returns trigger language plpgsql as
    $$ declare
      remaining jsonb := '{}';
    begin
      if tg_op = 'UPDATE' and new.ended_at is null then remaining := new.authorizations; end if;
      insert into outbox (job)
      select jsonb_strip_nulls(jsonb_build_object('kind', 'backchannel-logout',
        'clientId', gone.client, 'accountId', old.account_id, 'sid', gone.its ->> 'sid'))
      from jsonb_each(old.authorizations) as gone(client, its)
      join clients c on c.id = gone.client and c.metadata ->> 'backchannel_logout_uri' is not null
      where remaining -> gone.client is null;
      return null;
    end $$`)
  await knex.raw(`
    create trigger oidc_session_families_ended after update on oidc_session_families for each row
    when (old.ended_at is null and (new.ended_at is not null or not new.authorizations @> old.authorizations))
    execute function oidc_session_families_tell()`)
  await knex.raw(`
    create trigger oidc_session_families_gone after delete on oidc_session_families for each row
    when (old.ended_at is null) execute function oidc_session_families_tell()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger oidc_session_families_gone on oidc_session_families')
  await knex.raw('drop trigger oidc_session_families_ended on oidc_session_families')
  await knex.raw('drop function oidc_session_families_tell()')
}
