import type { Knex } from 'knex'

/** What was counted of days that are over; dead letters by when they died; open sessions by when they began. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table usage_days (
      day date not null,
      name text not null,
      count bigint not null,
      primary key (day, name)
    )`)
  await knex.raw('create index oidc_session_families_created_at on oidc_session_families (created_at, uid)')
  await knex.raw('create index outbox_dead on outbox (dead_at, id) where dead_at is not null')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop index outbox_dead')
  await knex.raw('drop index oidc_session_families_created_at')
  await knex.raw('drop table usage_days')
}
