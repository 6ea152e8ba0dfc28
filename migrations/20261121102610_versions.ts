import type { Knex } from 'knex'

/**
 * What an administrator edits has a version that every change raises, whoever makes it: an edit names the version it
 * was made from, and a stale one changes nothing. And the orders in which people are listed and searched.
 */
const TABLES = ['users', 'clients']

export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create function count_version() returns trigger language plpgsql as
    $$ begin new.version := old.version + 1; return new; end $$`)
  for (const table of TABLES) {
    await knex.raw(`alter table ${table} add column version bigint not null default 1`)
    await knex.raw(`
      create trigger ${table}_version before update on ${table} for each row execute function count_version()`)
  }
  await knex.raw('create index users_created_at on users (created_at, id)')
  // The order of bytes is the same on every engine, and finds what begins so.
  await knex.raw('create index users_email_order on users (email_key collate "C", id)')
  await knex.raw('create index users_username_order on users (username_key collate "C")')
  await knex.raw('create index users_name_order on users (lower(name) collate "C")')
  await knex.raw(
    'create index audit_events_client_id on audit_events (client_id, id) where client_id is not null',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index audit_events_client_id')
  await knex.raw('drop index users_name_order')
  await knex.raw('drop index users_username_order')
  await knex.raw('drop index users_email_order')
  await knex.raw('drop index users_created_at')
  for (const table of TABLES) {
    await knex.raw(`drop trigger ${table}_version on ${table}`)
    await knex.raw(`alter table ${table} drop column version`)
  }
  await knex.raw('drop function count_version()')
}
