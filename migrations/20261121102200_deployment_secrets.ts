import type { Knex } from 'knex'

/** Secrets that the deployment makes once and must never lose. `sealed` under the data keys, and sealed anew with them. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table deployment_secrets (
      name text primary key,
      sealed bytea not null,
      created_at timestamptz not null default now()
    )`)
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table deployment_secrets')
}
