import type { Knex } from 'knex'

/**
 * What `ostiary apply` wrote last, by kind and id, so that a later plan can tell what was changed by hand since from
 * what was changed in the file. No secrets.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table applied_state (
      kind text not null,
      id text not null,
      value jsonb not null,
      applied_at timestamptz not null default now(),
      primary key (kind, id)
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table applied_state')
}
