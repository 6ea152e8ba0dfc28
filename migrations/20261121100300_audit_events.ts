import type { Knex } from 'knex'

/** Security events. Rows name people and applications without foreign keys: a record outlives what it is about. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table audit_events (
      id bigserial primary key,
      name text not null,
      outcome text not null constraint audit_events_outcome_known check (outcome in ('success', 'failure')),
      user_id text,
      client_id text,
      request_id text,
      ip text,
      user_agent text,
      detail jsonb,
      created_at timestamptz not null default now()
    )`)
  await knex.raw('create index audit_events_created_at on audit_events using brin (created_at)')
  await knex.raw('create index audit_events_user_id on audit_events (user_id, id) where user_id is not null')
  // Append-only by the database itself. Retention may delete old rows; nothing may change one.
  await knex.raw(`
    create function audit_events_refuse_update() returns trigger language plpgsql as
    $$ begin raise exception 'audit events are append-only'; end $$`)
  await knex.raw(`
    create trigger audit_events_append_only before update on audit_events
    for each row execute function audit_events_refuse_update()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table audit_events')
  await knex.raw('drop function audit_events_refuse_update()')
}
