import type { Knex } from 'knex'

/** Creations that a program may repeat (Idempotency-Key): the key as a hash, the answer sealed, for a day. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table idempotency_keys (
      id bytea primary key,
      fingerprint bytea not null,
      answer bytea,
      leased_until timestamptz not null,
      expires_at timestamptz not null
    )`)
  await knex.raw('create index idempotency_keys_expires_at on idempotency_keys (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table idempotency_keys')
}
