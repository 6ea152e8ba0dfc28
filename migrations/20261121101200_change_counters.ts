import type { Knex } from 'knex'

/**
 * What processes keep in memory, and how they learn that it changed: a number per topic that grows in the same
 * transaction as the change. Whoever sees the old number has missed nothing that was acknowledged.
 */
const TOPICS: Record<string, string> = { clients: 'clients', keys: 'signing_keys', settings: 'settings' }

export async function up(knex: Knex): Promise<void> {
  await knex.raw('create table change_counters (topic text primary key, value bigint not null default 0)')
  await knex.raw(`
    create function count_change() returns trigger language plpgsql as
    $$ begin update change_counters set value = value + 1 where topic = tg_argv[0]; return null; end $$`)
  for (const [topic, table] of Object.entries(TOPICS)) {
    await knex.raw('insert into change_counters (topic) values (?)', [topic])
    await knex.raw(`
      create trigger ${table}_count_change after insert or update or delete or truncate on ${table}
      for each statement execute function count_change('${topic}')`)
  }
}

export async function down(knex: Knex): Promise<void> {
  for (const table of Object.values(TOPICS)) await knex.raw(`drop trigger ${table}_count_change on ${table}`)
  await knex.raw('drop function count_change()')
  await knex.raw('drop table change_counters')
}
