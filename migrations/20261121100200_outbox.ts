import type { Knex } from 'knex'

/** Work accepted in a transaction and done after it: ids only, never a secret. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table outbox (
      id uuid primary key default gen_random_uuid(),
      job jsonb not null,
      attempts integer not null default 0,
      due_at timestamptz not null default now(),
      leased_until timestamptz,
      created_at timestamptz not null default now(),
      last_error text,
      dead_at timestamptz
    )`)
  await knex.raw('create index outbox_due on outbox (due_at) where dead_at is null')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table outbox')
}
