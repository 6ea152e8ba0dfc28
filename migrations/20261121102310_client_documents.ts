import type { Knex } from 'knex'

/**
 * Clients that a document at their `client_id` describes. When it was read stands apart from what it said: reading the
 * same again changes no client.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table clients drop constraint clients_source_known')
  await knex.raw(`
    alter table clients add constraint clients_source_known
      check (source in ('configuration', 'registration', 'document'))`)
  await knex.raw(`
    create table client_documents (
      client_id text primary key references clients (id) on delete cascade,
      read_at timestamptz not null,
      fresh_until timestamptz not null
    )`)
  await knex.raw(`create index clients_documents on clients (updated_at) where source = 'document'`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index clients_documents')
  await knex.raw('drop table client_documents')
  await knex.raw(`delete from clients where source = 'document'`)
  await knex.raw('alter table clients drop constraint clients_source_known')
  await knex.raw(`
    alter table clients add constraint clients_source_known check (source in ('configuration', 'registration'))`)
}
