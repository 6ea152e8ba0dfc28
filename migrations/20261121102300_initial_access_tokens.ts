import type { Knex } from 'knex'

/**
 * Tokens with which operators let applications register (RFC 7591 3), as keyed digests. `clients` counts what is there
 * by one; `admitted_by` of a client names the token, or says `open` when it needed none.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table initial_access_tokens (
      id text primary key,
      name text not null,
      digest text not null,
      policy jsonb not null,
      uses_left integer constraint initial_access_tokens_uses_left check (uses_left >= 0),
      max_clients integer,
      clients integer not null default 0,
      expires_at timestamptz,
      revoked_at timestamptz,
      used_at timestamptz,
      created_at timestamptz not null default now()
    )`)
  await knex.raw('create unique index initial_access_tokens_digest on initial_access_tokens (digest)')
  await knex.raw('alter table clients add column admitted_by text')
  await knex.raw(`create index clients_open on clients (updated_at) where admitted_by = 'open'`)
  await knex.raw(`
    create function clients_leave_their_token() returns trigger language plpgsql as
    $$ begin
      update initial_access_tokens set clients = clients - 1 where id = old.admitted_by;
      return null;
    end $$`)
  await knex.raw(`
    create trigger clients_of_token after delete on clients
    for each row when (old.admitted_by is not null) execute function clients_leave_their_token()`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop trigger clients_of_token on clients')
  await knex.raw('drop function clients_leave_their_token()')
  await knex.raw('alter table clients drop column admitted_by')
  await knex.raw('drop table initial_access_tokens')
}
