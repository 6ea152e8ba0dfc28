import type { Knex } from 'knex'

/**
 * Endpoints that are told of events. The database writes down whom to tell in the statement that writes the record, so
 * that no way of writing one forgets it. In the outbox an endpoint has a lane, as an application has.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table webhooks (
      id text primary key,
      url text not null,
      events jsonb not null,
      description text not null,
      personal boolean not null,
      enabled boolean not null default true,
      disabled_because text,
      failing_since timestamptz,
      sealed bytea not null,
      version bigint not null default 1,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`)
  await knex.raw('create index webhooks_enabled on webhooks (id) where enabled')
  // How it goes with an endpoint is no change of it.
  await knex.raw(`
    create trigger webhooks_version before update of url, events, description, personal, enabled on webhooks
    for each row execute function count_version()`)
  await knex.raw(`
    create table webhook_deliveries (
      id text primary key default 'msg_' || replace(gen_random_uuid()::text, '-', ''),
      webhook_id text not null references webhooks (id) on delete cascade,
      event_id bigint,
      type text not null,
      state text not null default 'waiting'
        constraint webhook_deliveries_state_known check (state in ('waiting', 'delivered', 'failed')),
      attempts integer not null default 0,
      status integer,
      latency_ms integer,
      error text,
      created_at timestamptz not null default now(),
      tried_at timestamptz
    )`)
  await knex.raw(
    'create index webhook_deliveries_webhook_id on webhook_deliveries (webhook_id, created_at, id)',
  )
  await knex.raw('create index webhook_deliveries_created_at on webhook_deliveries using brin (created_at)')
  await knex.raw('alter table outbox drop column lane')
  await knex.raw(`
    alter table outbox add column lane text generated always as (coalesce(job ->> 'webhookId', job ->> 'clientId')) stored`)
  await knex.raw(`
    create function audit_events_tell() returns trigger language plpgsql as
    $$ begin
      if not exists (select from webhooks where enabled) then return null; end if;
      with told as (
        insert into webhook_deliveries (webhook_id, event_id, type)
        select w.id, new.id, new.name from webhooks w
        where w.enabled and (jsonb_exists(w.events, '*') or jsonb_exists(w.events, new.name)
          or jsonb_exists(w.events, split_part(new.name, '.', 1) || '.*'))
        returning id, webhook_id)
      insert into outbox (job)
      select jsonb_build_object('kind', 'webhook', 'webhookId', webhook_id, 'deliveryId', id) from told;
      return null;
    end $$`)
  await knex.raw(`
    create trigger audit_events_told after insert on audit_events
    for each row execute function audit_events_tell()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger audit_events_told on audit_events')
  await knex.raw('drop function audit_events_tell()')
  await knex.raw(`delete from outbox where kind = 'webhook'`)
  await knex.raw('alter table outbox drop column lane')
  await knex.raw(`alter table outbox add column lane text generated always as (job ->> 'clientId') stored`)
  await knex.raw('drop table webhook_deliveries')
  await knex.raw('drop table webhooks')
}
