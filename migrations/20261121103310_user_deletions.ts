import type { Knex } from 'knex'

/** Accounts that are deleted: locked at once, erased when their time has come, until then given back if need be. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table user_deletions (
      user_id text primary key references users (id) on delete cascade,
      status_before text not null constraint user_deletions_status_known check (status_before in ('active', 'disabled')),
      requested_at timestamptz not null default now(),
      erase_at timestamptz not null
    )`)
  await knex.raw('create index user_deletions_erase_at on user_deletions (erase_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table user_deletions')
}
