import type { Knex } from 'knex'

/**
 * The versions of the master everything is hashed and sealed with, each encrypted under OSTIARY_SECRET_KEY, which is
 * never here. A version is written with from `activate_at` on.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table data_keys (
      version smallint primary key constraint data_keys_version_is_a_byte check (version between 1 and 255),
      kek_id text not null,
      wrapped bytea not null,
      created_at timestamptz not null default now(),
      activate_at timestamptz not null default now()
    )`)
  // When a family began is what tells under which version its uid is hashed.
  await knex.raw('alter table oidc_session_families add column created_at timestamptz not null default now()')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('alter table oidc_session_families drop column created_at')
  await knex.raw('drop table data_keys')
}
