import type { Knex } from 'knex'

/** Applications. `metadata` is the client metadata of OpenID Connect Registration 1.0, without id and secret. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table clients (
      id text primary key,
      metadata jsonb not null,
      secret_digest text,
      first_party boolean not null default false,
      source text not null constraint clients_source_known check (source in ('configuration', 'registration')),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table clients')
}
