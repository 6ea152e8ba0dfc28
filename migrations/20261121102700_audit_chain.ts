import type { Knex } from 'knex'

/**
 * What makes the audit records tamper-evident: a mark on each record that only a holder of the deployment's secret can
 * make, a chain that holds every record at its place, and signatures over the chain's head. Digests and signatures are
 * text: there is nothing secret in them.
 */
export async function up(knex: Knex): Promise<void> {
  // Records from before have neither; the chain begins with them.
  await knex.raw('alter table audit_events add column stamp text, add column mark text')
  await knex.raw('create unique index audit_events_stamp on audit_events (stamp) where stamp is not null')
  await knex.raw(`
    create table audit_chain (
      seq bigint primary key,
      event_id bigint not null unique,
      digest text not null,
      hash text not null
    )`)
  await knex.raw(`
    create table audit_checkpoints (
      seq bigint primary key,
      hash text not null,
      signed_at timestamptz not null,
      kid text not null,
      signature text not null
    )`)
  await knex.raw(`
    create table audit_keys (
      kid text primary key,
      sealed bytea not null,
      created_at timestamptz not null default now()
    )`)
  for (const table of ['audit_chain', 'audit_checkpoints'])
    await knex.raw(`
      create trigger ${table}_append_only before update on ${table}
      for each row execute function audit_events_refuse_update()`)
}

export async function down(knex: Knex): Promise<void> {
  for (const table of ['audit_keys', 'audit_checkpoints', 'audit_chain'])
    await knex.raw(`drop table ${table}`)
  await knex.raw('alter table audit_events drop column stamp, drop column mark')
}
