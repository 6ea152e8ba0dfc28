import type { Knex } from 'knex'

/**
 * What identifies somebody in an audit record is sealed under a key of theirs: the record says which, and holds what was
 * sealed, so that its place in the chain does not depend on the key. Records from before keep what they say in clear.
 */
export async function up(knex: Knex): Promise<void> {
  await knex.raw('alter table audit_events add column sealed text')
  // Without a person: of those whom nobody knows. A person who is deleted, by whatever statement, takes the keys along.
  await knex.raw(`
    create table audit_person_keys (
      id text primary key,
      user_id text references users (id) on delete cascade,
      sealed bytea not null,
      created_at timestamptz not null default now()
    )`)
  await knex.raw(
    'create index audit_person_keys_user_id on audit_person_keys (user_id) where user_id is not null',
  )
  await knex.raw('create index audit_person_keys_created_at on audit_person_keys using brin (created_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table audit_person_keys')
  await knex.raw('alter table audit_events drop column sealed')
}
