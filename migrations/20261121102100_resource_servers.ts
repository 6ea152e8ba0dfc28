import type { Knex } from 'knex'

/** APIs that take our access tokens (RFC 8707), by their audience; and the counter that tells of their changes. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table resource_servers (
      id text primary key,
      name text,
      scopes jsonb not null,
      token_format text not null constraint resource_servers_format_known check (token_format in ('jwt', 'opaque')),
      token_ttl integer not null constraint resource_servers_ttl_in_bounds check (token_ttl between 30 and 86400),
      signing_algorithm text not null,
      clients jsonb,
      documentation text,
      publish_metadata boolean not null default false,
      exchangeable boolean not null default false,
      source text not null constraint resource_servers_source_known check (source in ('declared', 'operator')),
      status text not null default 'active'
        constraint resource_servers_status_known check (status in ('active', 'disabled')),
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now()
    )`)
  await knex.raw(`insert into change_counters (topic) values ('resources')`)
  await knex.raw(`
    create trigger resource_servers_count_change after insert or update or delete or truncate on resource_servers
    for each statement execute function count_change('resources')`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table resource_servers')
  await knex.raw(`delete from change_counters where topic = 'resources'`)
}
