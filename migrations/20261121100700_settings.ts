import type { Knex } from 'knex'

/** Facts about the deployment itself, one small value a name. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table settings (
      name text primary key,
      value jsonb not null,
      updated_at timestamptz not null default now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table settings')
}
