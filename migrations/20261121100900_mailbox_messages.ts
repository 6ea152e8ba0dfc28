import type { Knex } from 'knex'

/** The evaluation mailbox: mails shown in the browser instead of being sent. */
export async function up(knex: Knex): Promise<void> {
  await knex.raw(`
    create table mailbox_messages (
      id uuid primary key default gen_random_uuid(),
      recipient text not null,
      sender text not null,
      subject text not null,
      body_text text not null,
      body_html text,
      created_at timestamptz not null default now(),
      serial bigint generated always as identity
    )`)
  await knex.raw('create index mailbox_messages_serial on mailbox_messages (serial)')
}

export async function down(knex: Knex): Promise<void> {
  await knex.raw('drop table mailbox_messages')
}
