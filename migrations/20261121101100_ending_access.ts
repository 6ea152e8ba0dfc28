import type { Knex } from 'knex'

/** What ends access beyond deleting rows (decision 16): a moment per person, a switch per client, consent as a parent. */
export async function up(knex: Knex): Promise<void> {
  // Whole seconds, as the engine counts them: what was proven in that second or before counts for nothing.
  await knex.raw('alter table users add column access_from timestamptz')
  await knex.raw(`
    alter table clients add column status text not null default 'active'
      constraint clients_status_known check (status in ('active', 'disabled'))`)
  // A grant stands on remembered consent, or on the operator's word for an application of his own. The row it stands on
  // is locked, so that taking consent back and granting by it cannot pass each other: who comes second sees the first.
  await knex.raw(`
    create function oidc_grants_stand_on_consent() returns trigger language plpgsql as
    $$ begin
      if new.account_id is null or new.client_id is null then return new; end if;
      perform 1 from consents where user_id = new.account_id and client_id = new.client_id for key share;
      if found then return new; end if;
      perform 1 from clients where id = new.client_id and first_party for key share;
      if found then return new; end if;
      raise foreign_key_violation using message = 'no consent for this grant, or no longer';
    end $$`)
  await knex.raw(`
    create trigger oidc_grants_consent before insert on oidc_grants
    for each row execute function oidc_grants_stand_on_consent()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger oidc_grants_consent on oidc_grants')
  await knex.raw('drop function oidc_grants_stand_on_consent()')
  await knex.raw('alter table clients drop column status')
  await knex.raw('alter table users drop column access_from')
}
