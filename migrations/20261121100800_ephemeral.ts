import type { Knex } from 'knex'

/** Soft, short-lived state where no Redis is configured: values to take once, and counters. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table ephemeral (
      key text primary key,
      value text,
      count integer,
      expires_at timestamptz not null
    )`)
  await knex.raw('create index ephemeral_expires_at on ephemeral (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table ephemeral')
}
