import type { Knex } from 'knex'

/**
 * What is known of a client's secrets beside the digest in `clients`: when each was made and last used, and the one
 * before, which works until its end. Apart from `clients`, so that noting a use changes no client.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table client_secrets (
      client_id text not null references clients (id) on delete cascade,
      slot text not null constraint client_secrets_slot_known check (slot in ('current', 'former')),
      digest text,
      made_at timestamptz not null default now(),
      expires_at timestamptz,
      last_used_on date,
      primary key (client_id, slot),
      constraint client_secrets_former_whole check ((slot = 'former') = (digest is not null and expires_at is not null))
    )`)
  await knex.raw(
    'create index client_secrets_expires_at on client_secrets (expires_at) where expires_at is not null',
  )
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table client_secrets')
}
