import type { Knex } from 'knex'

/** Failed requests of the protocol, redacted, for a day (`src/domain/failures`). Losing them costs an explanation. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table failures (
      code text primary key,
      request_id text not null,
      record jsonb not null,
      created_at timestamptz not null default now()
    )`)
  await knex.raw('create index failures_request_id on failures (request_id)')
  await knex.raw('create index failures_created_at on failures (created_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table failures')
}
