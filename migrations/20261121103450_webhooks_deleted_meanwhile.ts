import type { Knex } from 'knex'

/**
 * An endpoint that is deleted at this moment is waited for and then left out. Otherwise the delivery would name one that is
 * gone, and whatever the record tells of (a sign-in) would be refused with it.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(functionWith('for key share'))
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw(functionWith(''))
}

function functionWith(lock: string): string {
  return `
    create or replace function audit_events_tell() returns trigger language plpgsql as
    $$ begin
      if not exists (select from webhooks where enabled) then return null; end if;
      with asked as (
        select w.id from webhooks w
        where w.enabled and (jsonb_exists(w.events, '*') or jsonb_exists(w.events, new.name)
          or jsonb_exists(w.events, split_part(new.name, '.', 1) || '.*'))
        ${lock}),
      told as (
        insert into webhook_deliveries (webhook_id, event_id, type)
        select id, new.id, new.name from asked
        returning id, webhook_id)
      insert into outbox (job)
      select jsonb_build_object('kind', 'webhook', 'webhookId', webhook_id, 'deliveryId', id) from told;
      return null;
    end $$`
}
