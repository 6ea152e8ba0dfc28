import type { Knex } from 'knex'

/** Proofs that somebody reads the mail of an address. No secret is stored: link and code are derived from the id. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table email_proofs (
      id text primary key,
      purpose text not null,
      user_id text references users (id) on delete cascade,
      email text not null,
      flow text not null,
      interaction_uid text,
      draft_user_id text,
      draft_password_hash text,
      draft_name text,
      draft_username text,
      email_key text,
      username_key text,
      attempts integer not null default 0,
      created_at timestamptz not null default now(),
      expires_at timestamptz not null,
      consumed_at timestamptz,
      constraint email_proofs_draft_whole check (
        (draft_user_id is null) = (draft_password_hash is null)
        and (draft_user_id is null) = (email_key is null)
        and (draft_username is null) = (username_key is null))
    )`)
  // One unused proof per flow and purpose: the newer replaces the older in the same statement.
  await knex.raw(`
    create unique index email_proofs_one_unused on email_proofs (flow, purpose) where consumed_at is null`)
  // Registrations that wait for their proof, by either name they were begun under.
  await knex.raw(`
    create index email_proofs_email_key on email_proofs (email_key) where email_key is not null`)
  await knex.raw(`
    create index email_proofs_username_key on email_proofs (username_key) where username_key is not null`)
  await knex.raw('create index email_proofs_user_id on email_proofs (user_id)')
  await knex.raw('create index email_proofs_expires_at on email_proofs (expires_at)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table email_proofs')
}
