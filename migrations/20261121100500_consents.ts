import type { Knex } from 'knex'

/** What a person allowed an application, beyond sessions. It goes with the person and with the application. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table consents (
      user_id text not null references users (id) on delete cascade,
      client_id text not null references clients (id) on delete cascade,
      scopes text[] not null default '{}',
      claims text[] not null default '{}',
      resources jsonb not null default '{}',
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      primary key (user_id, client_id)
    )`)
  await knex.raw('create index consents_client_id on consents (client_id)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table consents')
}
