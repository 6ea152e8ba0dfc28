import type { Knex } from 'knex'

/** What applications may ask for in detail (RFC 9396): registered by the administrator, read by people. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table authorization_details_types (
      name text primary key,
      title text not null,
      template text not null,
      schema jsonb not null,
      actions text[] not null,
      locations text[] not null,
      ask text not null constraint authorization_details_types_ask_known check (ask in ('always', 'session')),
      self_registered boolean not null,
      status text not null
        constraint authorization_details_types_status_known check (status in ('active', 'disabled')),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table authorization_details_types')
}
