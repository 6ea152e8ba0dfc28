import type { Knex } from 'knex'

/**
 * Work of more than one kind, each taken by itself; within a kind `lane` is for whom it is, so that one who is slow keeps
 * only his own waiting. Both are read from the job, which is written as before.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    alter table outbox
      add column kind text not null generated always as (coalesce(job ->> 'kind', 'mail')) stored,
      add column lane text generated always as (job ->> 'clientId') stored`)
  await knex.raw('drop index outbox_due')
  await knex.raw('create index outbox_due on outbox (kind, due_at) where dead_at is null')
}

/** The version before knows mail and would take everything for it. */
export async function down(knex: Knex): Promise<void> {
  await knex.raw(`delete from outbox where kind <> 'mail'`)
  await knex.raw('alter table outbox drop column kind, drop column lane')
  await knex.raw('create index outbox_due on outbox (due_at) where dead_at is null')
}
